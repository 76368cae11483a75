/**
 * The types of `latchdb/sqlite3`: the local client and its parts.
 *
 * @packageDocumentation
 */
import type { ExpandedConfig } from "./core.js";
import type {
  IntMode,
  LatchConfig,
  LocalClient,
  LatchTransaction,
  Execution,
  RowMode,
  ShutdownOptions,
  ShutdownReport,
} from "../index.js";

export * from "./shared.js";

/** Creates a client, as `createClient` of `latchdb` does, typed as {@link Sqlite3Client}. */
export function createClient(config: LatchConfig): Sqlite3Client;

/** @private */
export function _createClient(
  config: ExpandedConfig & { rowMode?: RowMode | undefined },
): Sqlite3Client;

/** The options of a {@link ConnectionPool}'s connections. */
export interface PoolOptions {
  /** Whether the location is SQLite's URI of a database in memory. Default: false. */
  inMemory?: boolean;
  /**
   * How long to wait for a lock of another process, or of another client's idle transaction, in ms
   * (https://sqlite.org/c3ref/busy_timeout.html). Default: 0.
   */
  timeout?: number | undefined;
  /** The JavaScript type of integers in results. Default: "number". */
  intMode?: IntMode;
  /** What rows are. Default: "row". */
  rowMode?: RowMode | undefined;
}

/** @private */
export class ConnectionPool {
  constructor(location: string, options: PoolOptions, maxConnections: number);
  open(): void;
  close(): void;
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport>;
  reopen(): void;
}

/** A client for a local database. `createClient` creates one. */
export class Sqlite3Client {
  /** @private */
  constructor(pool: ConnectionPool, intMode?: IntMode);
  readonly protocol: "file";
}
export interface Sqlite3Client extends LocalClient {}

/** A transaction of a local client. {@link LatchClient.transaction} begins one. */
export class Sqlite3Transaction {
  private constructor();
}
export interface Sqlite3Transaction extends LatchTransaction {}
