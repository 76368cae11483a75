/** The client for local databases: files and memory. */
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
  IterateOptions,
  PreparedStatement,
  ResultSetOf,
  RowIterator,
  ShutdownOptions,
  ClientStats,
  ShutdownReport,
  StatementDescription,
  StatementInMode,
} from "../../index.js";
import { errorOf, type Failure } from "../client/failure";
import { parseChunk, parseQueryTimeout, parseSignal, type SignalOption } from "../client/options";
import { Prepared } from "../client/prepared-statement";
import { Rows } from "../client/row-iterator";
import {
  firstRowOf,
  limited,
  parseStatement,
  parseStatements,
  type BatchStatement,
  type InStatement,
} from "../client/statement";
import { traceCalls, tracedStep } from "../client/tracing";
import {
  runInTransaction,
  type Scope,
  type TransactionOptions,
} from "../client/transaction-function";
import { descriptionOf } from "./description";
import { ConnectionPool, type PoolOptions } from "./connection-pool";
import { clientClosed } from "./native/errors";
import { Cursor, MOST_ROWS } from "./scheduler/cursor";
import type { OpenTransaction } from "./scheduler/open-transaction";
import { contentOf, PAGES } from "./serialization";
import { publishEnd } from "./swap/database/channel";
import { runDatabaseSwap } from "./swap/database/database-swap";
import { checkSwapOptions } from "./swap/database/options";
import { Sqlite3Transaction } from "./transaction";

/** The most connections of a client without a configuration: the default of `createClient()`. */
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

  static {
    const methods = ["execute", "get", "batch", "migrate", "executeMultiple", "iterate"] as const;
    traceCalls(this, methods, (self) => ({ path: self.#pool.path, transaction: false }));
  }

  /** Whether the client is closed. */
  get closed(): boolean {
    return this.#pool.isClosed;
  }

  execute<R = Row>(stmt: InStatement): Promise<ResultSetOf<R>>;
  execute<R = Row>(sql: string, args?: InArgs): Promise<ResultSetOf<R>>;
  async execute(stmtOrSql: InStatement, args?: InArgs): Promise<ResultSet> {
    try {
      const { scheduler } = this.#pool;
      scheduler.check();
      const { statement, signal } = parseStatement(stmtOrSql, args);
      const result = scheduler.execute(statement, signal);
      return result instanceof Promise ? await result : result;
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  iterate<R = Row>(stmt: InStatement, options?: IterateOptions): RowIterator<R> {
    try {
      const { scheduler } = this.#pool;
      const { statement, signal } = parseStatement(stmt, undefined);
      return new Rows<R>(
        new Cursor(scheduler, statement, signal, parseChunk(options) ?? MOST_ROWS),
      );
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  get<R = Row>(stmt: InStatement): Promise<R | undefined>;
  get<R = Row>(sql: string, args?: InArgs): Promise<R | undefined>;
  async get(stmtOrSql: InStatement, args?: InArgs): Promise<Row | undefined> {
    try {
      const { scheduler } = this.#pool;
      scheduler.check();
      const { statement, signal } = parseStatement(stmtOrSql, args);
      const result = scheduler.execute(firstRowOf(statement), signal);
      return (result instanceof Promise ? await result : result).rows[0];
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  prepare<R = Row>(sql: string): PreparedStatement<R> {
    return new Prepared<R>(this, sql);
  }

  /** @private */
  async describe(sql: string): Promise<StatementDescription> {
    try {
      return descriptionOf(await this.#pool.scheduler.describe(sql));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async batch(
    stmts: BatchStatement[],
    mode: TransactionMode = "deferred",
    options?: SignalOption,
  ): Promise<ResultSet[]> {
    try {
      this.#pool.scheduler.check();
      transactionModeToBegin(mode);
      const batch = {
        statements: limited(parseStatements(stmts), parseQueryTimeout(options)),
        mode,
        foreignKeysOff: false,
      };
      return await this.#pool.scheduler.batch(batch, parseSignal(options));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async migrate(stmts: BatchStatement[], options?: SignalOption): Promise<ResultSet[]> {
    try {
      const statements = limited(parseStatements(stmts), parseQueryTimeout(options));
      const batch = { statements, mode: "deferred", foreignKeysOff: true } as const;
      return await this.#pool.scheduler.batch(batch, parseSignal(options));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  transaction(mode?: TransactionMode, options?: SignalOption): Promise<Sqlite3Transaction>;
  transaction<T>(
    fn: (transaction: Sqlite3Transaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  async transaction<T>(
    modeOrFn: TransactionMode | ((transaction: Sqlite3Transaction) => Promise<T>) = "write",
    options?: TransactionOptions,
  ): Promise<Sqlite3Transaction | T> {
    try {
      if (typeof modeOrFn === "function") {
        return await runInTransaction(this.#begin.bind(this), modeOrFn, options);
      }
      return await this.#begin(modeOrFn, options);
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async executeMultiple(sql: string, options?: SignalOption): Promise<void> {
    try {
      return await this.#pool.scheduler.executeMultiple(
        sql,
        parseSignal(options),
        parseQueryTimeout(options),
      );
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async sync(): Promise<Replicated> {
    try {
      this.#pool.scheduler.check();
    } catch (failure) {
      throw errorOf(failure);
    }
    throw new LibsqlError(
      "sync() is for embedded replicas; this client's database is a local one",
      "SYNC_NOT_SUPPORTED",
    );
  }

  async reconnect(): Promise<void> {
    await this.#pool.reconnect();
  }

  async replaceDatabase(options: DatabaseSwapOptions): Promise<DatabaseSwapResult> {
    const { intMode, rowMode, converters, strict } = this.#pool;
    const open = (file: string, access: PoolOptions): OpenedFile =>
      openFile(file, { ...access, intMode, rowMode, converters, strict });
    return await publishEnd(this.#pool.path, () => {
      const checked = checkSwapOptions(options);
      return this.#pool.whileSuspended((file) => runDatabaseSwap(file, checked, open), checked);
    });
  }

  async serialize(options?: SignalOption): Promise<ArrayBuffer> {
    try {
      const { signal } = options ?? {};
      const pages: StatementInMode<"pluck"> = { sql: PAGES, rowMode: "pluck", signal };
      const { rows } = await this.execute<ArrayBuffer>(pages);
      return contentOf(rows);
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  close(): void {
    this.#pool.close();
  }

  stats(): ClientStats {
    return this.#pool.scheduler.stats();
  }

  shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    return this.#pool.shutdown(options);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #begin(
    mode: TransactionMode,
    options: SignalOption | undefined,
    scope?: Scope,
  ): Promise<Sqlite3Transaction> {
    const { scheduler } = this.#pool;
    const isOfFunction = scope !== undefined;
    if (!isOfFunction) scheduler.check();
    const sql = transactionModeToBegin(mode);
    const signal = parseSignal(options);
    const place = { path: this.#pool.path, transaction: true };
    const begin = (): Promise<OpenTransaction> => scheduler.begin(mode, signal, isOfFunction);
    const transaction = await tracedStep("begin", sql, place, begin);
    if (signal?.aborted) {
      transaction.end();
      throw signal.reason;
    }
    const closed = (): Failure | undefined =>
      scheduler.closing.isClosed ? clientClosed() : undefined;
    const { acquireMs: patienceMs } = scheduler.patience;
    return new Sqlite3Transaction(transaction, signal, { closed, patienceMs, scope });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}

/** A client and its pool. */
export interface OpenedFile {
  client: Sqlite3Client;
  pool: ConnectionPool;
}

/**
 * Opens a client on a file, by its path.
 * @throws LibsqlError with SQLite's code if it cannot be opened
 */
export function openFile(path: string, options: PoolOptions): OpenedFile {
  const pool = new ConnectionPool(path, options, CONNECTIONS);
  pool.open();
  return { client: new Sqlite3Client(pool), pool };
}
