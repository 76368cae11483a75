/** The interactive transaction of local clients. */
import type { InArgs, ResultSet, Row, Transaction } from "@libsql/core/api";
import type {
  IterateOptions,
  PreparedStatement,
  ResultSetOf,
  RowIterator,
  StatementDescription,
} from "../../index.js";
import type { CallSignal } from "../client/call-signal";
import { errorOf, type Failure } from "../client/failure";
import type { Arguments } from "../client/many";
import { Prepared } from "../client/prepared-statement";
import { Nesting, type NestedTransaction } from "../client/nested-transaction";
import { parseChunk, parseQueryTimeout, parseSignal, type SignalOption } from "../client/options";
import { Rows, type RowSource } from "../client/row-iterator";
import {
  firstRowOf,
  limited,
  parseStatement,
  parseStatements,
  type BatchStatement,
  type InStatement,
} from "../client/statement";
import { traceCalls, tracedStep, type TracedPlace } from "../client/tracing";
import type { Scope, TransactionOptions } from "../client/transaction-function";
import { descriptionOf } from "./description";
import { transactionClosed, transactionClosedInBatch } from "./native/errors";
import { Cursor, MOST_ROWS } from "./scheduler/cursor";
import type { OpenTransaction } from "./scheduler/open-transaction";

/** What a transaction knows of its client, and of the call that has begun it. */
export interface TransactionContext {
  /** Why the transaction has ended, if the client was closed. */
  closed: () => Failure | undefined;
  /** How long one transaction inside of it waits for another, in ms. */
  patienceMs: number;
  /** The run of the function that it is for. */
  scope?: Scope | undefined;
}

/**
 * An interactive transaction. Made by `Client.transaction()`.
 *
 * Operations run in the order of their calls, awaited or not. An aborted write ends the transaction,
 * because SQLite rolls all of it back (https://sqlite.org/c3ref/interrupt.html).
 */
export class Sqlite3Transaction implements Transaction {
  readonly #transaction: OpenTransaction;
  readonly #context: TransactionContext;
  #nesting: Nesting | undefined;
  #ended = false;

  /** @private */
  constructor(
    transaction: OpenTransaction,
    signal: CallSignal | undefined,
    context: TransactionContext,
  ) {
    this.#transaction = transaction;
    this.#context = context;
    const close = (): void => this.close();
    transaction.onEnd = () => {
      this.#ended = true;
      signal?.remove(close);
      context.scope?.ended(context.closed());
      this.#nesting?.ended();
    };
    // Its client may have been closed in the meantime.
    if (transaction.isOpen) signal?.add(close);
    else transaction.onEnd();
  }

  static {
    const methods = ["execute", "get", "batch", "executeMultiple", "iterate"] as const;
    traceCalls(this, methods, (self) => self.tracedPlace);
  }

  /** Whether its owner, SQLite, or the closing of its client has ended the transaction. */
  get closed(): boolean {
    return this.#ended;
  }

  execute<R = Row>(stmt: InStatement): Promise<ResultSetOf<R>>;
  execute<R = Row>(sql: string, args?: InArgs): Promise<ResultSetOf<R>>;
  async execute(stmtOrSql: InStatement, args?: InArgs): Promise<ResultSet> {
    try {
      this.#check();
      const { statement, signal } = parseStatement(stmtOrSql, args);
      const result = this.#transaction.execute(statement, signal);
      return result instanceof Promise ? await result : result;
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  iterate<R = Row>(stmt: InStatement, options?: IterateOptions): RowIterator<R> {
    try {
      return new Rows<R>(this.rowsOf(stmt, options));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  /** @private */
  rowsOf(stmt: InStatement, options: IterateOptions | undefined): RowSource {
    const { statement, signal } = parseStatement(stmt, undefined);
    const mostRows = parseChunk(options) ?? MOST_ROWS;
    return new Cursor(this.#transaction, statement, signal, mostRows);
  }

  get<R = Row>(stmt: InStatement): Promise<R | undefined>;
  get<R = Row>(sql: string, args?: InArgs): Promise<R | undefined>;
  async get(stmtOrSql: InStatement, args?: InArgs): Promise<Row | undefined> {
    try {
      this.#check();
      const { statement, signal } = parseStatement(stmtOrSql, args);
      const result = this.#transaction.execute(firstRowOf(statement), signal);
      return (result instanceof Promise ? await result : result).rows[0];
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  prepare<R = Row>(sql: string): PreparedStatement<R> {
    return new Prepared<R>(this, sql);
  }

  /** @private */
  async runMany(sql: string, source: Arguments, signal: CallSignal | undefined): Promise<number> {
    this.#check();
    const run = (): Promise<number> => this.#transaction.runMany(sql, source, signal);
    return await tracedStep("executeMany", sql, this.tracedPlace, run);
  }

  /** @private */
  async describe(sql: string): Promise<StatementDescription> {
    try {
      this.#check();
      return descriptionOf(await this.#transaction.describe(sql));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async batch(stmts: BatchStatement[], options?: SignalOption): Promise<ResultSet[]> {
    try {
      const statements = limited(parseStatements(stmts), parseQueryTimeout(options));
      if (statements.length === 0) return [];
      if (this.#ended) throw transactionClosedInBatch(0);
      const batch = { statements, mode: "deferred", foreignKeysOff: false } as const;
      return await this.#transaction.batch(batch, parseSignal(options));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async executeMultiple(sql: string, options?: SignalOption): Promise<void> {
    try {
      this.#check();
      return await this.#transaction.executeMultiple(
        sql,
        parseSignal(options),
        parseQueryTimeout(options),
      );
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  /** Runs a function in a savepoint. */
  async transaction<T>(
    fn: (transaction: NestedTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T> {
    try {
      this.#check();
      this.#nesting ??= new Nesting(this, { ...this.#context, depth: 0 });
      return await this.#nesting.run(fn, options);
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async commit(): Promise<void> {
    try {
      return await this.tryCommit();
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async rollback(): Promise<void> {
    try {
      if (this.#ended) return;
      this.#ended = true;
      const rollback = (): Promise<void> => this.#transaction.rollback();
      return await this.#ends(tracedStep("rollback", "ROLLBACK", this.tracedPlace, rollback));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  close(): void {
    this.#ended = true;
    this.#transaction.end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @private */
  tryCommit(): Promise<void> {
    this.#check();
    this.#ended = true;
    const commit = (): Promise<void> => this.#transaction.commit();
    return this.#ends(tracedStep("commit", "COMMIT", this.tracedPlace, commit));
  }

  /** @private */
  get tracedPlace(): TracedPlace {
    return { path: this.#transaction.path, transaction: true };
  }

  /** @private */
  nestedSettled(): Promise<void> | undefined {
    return this.#nesting?.settled();
  }

  #check(): void {
    if (this.#ended) throw transactionClosed();
  }

  /** Its owner ends it. */
  #ends(end: Promise<void>): Promise<void> {
    const { scope } = this.#context;
    if (scope !== undefined) scope.ending = end;
    return end;
  }
}
