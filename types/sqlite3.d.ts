/**
 * The types of `latchdb/sqlite3`: the local client and its parts.
 *
 * @packageDocumentation
 */
import type { ExpandedConfig } from "@libsql/core/config" with { "resolution-mode": "import" };
import type {
  Config,
  IntMode,
  LatchClient,
  LatchTransaction,
  ShutdownOptions,
  ShutdownReport,
} from "../index.js";

export type * from "../index.js";
export { LibsqlBatchError, LibsqlError } from "../index.js";

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
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport>;
  reopen(): void;
}

/** The client for local databases. */
export class Sqlite3Client {
  /** @private */
  constructor(pool: ConnectionPool, intMode?: IntMode);
  readonly protocol: "file";
}
export interface Sqlite3Client extends LatchClient {}

/** A transaction of the local client. {@link LatchClient.transaction} makes one. */
export class Sqlite3Transaction {
  private constructor();
}
export interface Sqlite3Transaction extends LatchTransaction {}
