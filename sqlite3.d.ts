/**
 * The types of `latchdb/sqlite3`: the local client and its parts.
 *
 * @packageDocumentation
 */
import type { ExpandedConfig } from "@libsql/core/config" with { "resolution-mode": "import" };
import type {
  AbortableStatement,
  Config,
  InArgs,
  InStatement,
  IntMode,
  LatchClient,
  LatchTransaction,
  Replicated,
  ResultSet,
  ShutdownOptions,
  ShutdownReport,
  SignalOption,
  TransactionMode,
} from "./index.js";

export * from "./index.js";

/** {@inheritDoc createClient} */
export function createClient(config: Config): Sqlite3Client;

/** @private */
export function _createClient(config: ExpandedConfig): Sqlite3Client;

/** How the connections of a {@link ConnectionPool} are opened. */
export interface PoolOptions {
  /** Whether the path is SQLite's URI of an in-memory database. Default: false. */
  inMemory?: boolean;
  /** How long to wait for locks of other clients, in ms. Default: not at all. */
  timeout?: number | undefined;
  /** How integers are read. Default: "number". */
  intMode?: IntMode;
}

/** @private */
export class ConnectionPool {
  constructor(location: string, options: PoolOptions, maxConnections: number);
  open(): void;
  close(): void;
  shutdown(options: ShutdownOptions): Promise<ShutdownReport>;
  reopen(): void;
}

/** The client for local databases. */
export class Sqlite3Client implements LatchClient {
  /** @private */
  constructor(pool: ConnectionPool, intMode?: IntMode);
  closed: boolean;
  readonly protocol: "file";
  execute(stmt: InStatement | AbortableStatement): Promise<ResultSet>;
  execute(sql: string, args?: InArgs): Promise<ResultSet>;
  batch(
    stmts: Array<InStatement | [string, InArgs?]>,
    mode?: TransactionMode,
    options?: SignalOption,
  ): Promise<Array<ResultSet>>;
  migrate(
    stmts: Array<InStatement | [string, InArgs?]>,
    options?: SignalOption,
  ): Promise<Array<ResultSet>>;
  transaction(mode?: TransactionMode, options?: SignalOption): Promise<Sqlite3Transaction>;
  executeMultiple(sql: string, options?: SignalOption): Promise<void>;
  sync(): Promise<Replicated>;
  reconnect(): Promise<void>;
  close(): void;
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport>;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A transaction of the local client. {@link Sqlite3Client.transaction} makes one. */
export class Sqlite3Transaction implements LatchTransaction {
  private constructor();
  execute(stmt: InStatement | AbortableStatement): Promise<ResultSet>;
  execute(sql: string, args?: InArgs): Promise<ResultSet>;
  batch(
    stmts: Array<InStatement | [string, InArgs?]>,
    options?: SignalOption,
  ): Promise<Array<ResultSet>>;
  executeMultiple(sql: string, options?: SignalOption): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  close(): void;
  get closed(): boolean;
  [Symbol.dispose](): void;
}
