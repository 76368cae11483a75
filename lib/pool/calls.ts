/** What the calls of a client go to: its scheduler, or what stands in until there is one again. */
import type { ResultSet, TransactionMode } from "@libsql/core/api";
import type { ShutdownOptions, ShutdownReport } from "../../index.js";
import type { StatementToWrite } from "../wire/request";
import type { OpenTransaction } from "./open-transaction";
import type { Batch } from "./requests";
import type { SuspensionOptions } from "./suspension";

/** See the module's own text. */
export interface Calls {
  /**
   * Whether a call outside of transactions can be made.
   * @throws LibsqlError CLIENT_CLOSED, TRANSACTION_ACTIVE
   */
  check(): void;
  execute(statement: StatementToWrite, signal: AbortSignal | undefined): Promise<ResultSet>;
  batch(batch: Batch, signal: AbortSignal | undefined): Promise<ResultSet[]>;
  executeMultiple(sql: string, signal: AbortSignal | undefined): Promise<void>;
  begin(mode: TransactionMode, signal: AbortSignal | undefined): Promise<OpenTransaction>;
  whileSuspended<T>(action: (file: string) => Promise<T>, options: SuspensionOptions): Promise<T>;
  /** Whether it was closed, or is being closed. */
  readonly isClosed: boolean;
  close(): void;
  shutDown(options: Required<ShutdownOptions>): Promise<ShutdownReport>;
  /** The same for somebody who has not got the client: shutdownAll(), or the host of the thread. */
  shutDownFromOutside(options: Required<ShutdownOptions>): Promise<ShutdownReport>;
  /** Whether somebody who has not got the client has closed it, or had a hand in that. */
  readonly wasClosedFromOutside: boolean;
}
