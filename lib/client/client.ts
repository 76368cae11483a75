/** The client for local databases: files, and memory. */
import {
  LibsqlError,
  type Client,
  type InArgs,
  type IntMode,
  type Replicated,
  type ResultSet,
  type Row,
  type TransactionMode,
} from "@libsql/core/api";
import { transactionModeToBegin } from "@libsql/core/util";
import type {
  DatabaseSwapOptions,
  DatabaseSwapResult,
  ResultSetOf,
  ShutdownOptions,
  ShutdownReport,
} from "../../index.js";
import { ConnectionPool, type PoolOptions } from "../pool/connection-pool";
import { givenSignal, givenStatement, type InStatement, type SignalOption } from "../statement";
import { tellEnd } from "../swap/database/channel";
import { runDatabaseSwap } from "../swap/database/database-swap";
import { checkSwapOptions } from "../swap/database/options";
import { Sqlite3Transaction } from "./transaction";

/** How many connections a client has at most that nobody configured: as with `createClient()`. */
const CONNECTIONS = 20;

/** A client for a local database. `createClient()` makes one. */
export class Sqlite3Client implements Client {
  readonly protocol: "file";
  readonly #pool: ConnectionPool;

  /** @private */
  constructor(pool: ConnectionPool, _intMode?: IntMode) {
    this.#pool = pool;
    this.protocol = "file";
  }

  /** Whether the client is closed. */
  get closed(): boolean {
    return this.#pool.isClosed;
  }

  execute<R = Row>(stmt: InStatement): Promise<ResultSetOf<R>>;
  execute<R = Row>(sql: string, args?: InArgs): Promise<ResultSetOf<R>>;
  async execute(stmtOrSql: InStatement, args?: InArgs): Promise<ResultSet> {
    this.#pool.calls.check();
    const { statement, signal } = givenStatement(stmtOrSql, args);
    return this.#pool.calls.execute(statement, signal);
  }

  async batch(
    stmts: Array<InStatement | [string, InArgs?]>,
    mode: TransactionMode = "deferred",
    options?: SignalOption,
  ): Promise<Array<ResultSet>> {
    this.#pool.calls.check();
    transactionModeToBegin(mode);
    const batch = { statements: stmts, mode, foreignKeysOff: false };
    return this.#pool.calls.batch(batch, givenSignal(options));
  }

  async migrate(
    stmts: Array<InStatement | [string, InArgs?]>,
    options?: SignalOption,
  ): Promise<Array<ResultSet>> {
    const batch = { statements: stmts, mode: "deferred", foreignKeysOff: true } as const;
    return this.#pool.calls.batch(batch, givenSignal(options));
  }

  async transaction(
    mode: TransactionMode = "write",
    options?: SignalOption,
  ): Promise<Sqlite3Transaction> {
    const { calls } = this.#pool;
    calls.check();
    transactionModeToBegin(mode);
    const signal = givenSignal(options);
    const transaction = await calls.begin(mode, signal);
    if (signal?.aborted) {
      transaction.end();
      throw signal.reason;
    }
    return new Sqlite3Transaction(transaction, signal);
  }

  async executeMultiple(sql: string, options?: SignalOption): Promise<void> {
    return this.#pool.calls.executeMultiple(sql, givenSignal(options));
  }

  async sync(): Promise<Replicated> {
    this.#pool.calls.check();
    throw new LibsqlError(
      "sync() is for embedded replicas; this client's database is a local one",
      "SYNC_NOT_SUPPORTED",
    );
  }

  async reconnect(): Promise<void> {
    await this.#pool.reconnect();
  }

  async replaceDatabase(options: DatabaseSwapOptions): Promise<DatabaseSwapResult> {
    return tellEnd(this.#pool.path, () => this.#replaceDatabase(options));
  }

  async #replaceDatabase(options: DatabaseSwapOptions): Promise<DatabaseSwapResult> {
    const checked = checkSwapOptions(options);
    const { intMode } = this.#pool;
    const open = (file: string, access: PoolOptions): OpenedFile =>
      openFile(file, { ...access, intMode });
    return this.#pool.whileSuspended((file) => runDatabaseSwap(file, checked, open), checked);
  }

  close(): void {
    this.#pool.close();
  }

  shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    return this.#pool.shutdown(options);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}

/** A client, and what is behind it. */
export interface OpenedFile {
  client: Sqlite3Client;
  pool: ConnectionPool;
}

/**
 * Opens a client on a file, by its path.
 * @throws LibsqlError with SQLite's code where it cannot be opened
 */
export function openFile(path: string, options: PoolOptions): OpenedFile {
  const pool = new ConnectionPool(path, options, CONNECTIONS);
  pool.open();
  return { client: new Sqlite3Client(pool), pool };
}
