/** The interactive transaction of local clients. */
import type { InArgs, ResultSet, Row, Transaction } from "@libsql/core/api";
import type { IterateOptions, ResultSetOf, RowIterator } from "../../index.js";
import type { CallSignal } from "../client/call-signal";
import { errorOf } from "../client/failure";
import { parseChunk, parseSignal, type SignalOption } from "../client/options";
import { Rows } from "../client/row-iterator";
import {
  parseStatement,
  parseStatements,
  type BatchStatement,
  type InStatement,
} from "../client/statement";
import { traceCalls } from "../client/tracing";
import { transactionClosed, transactionClosedInBatch } from "./native/errors";
import { Cursor, MOST_ROWS } from "./scheduler/cursor";
import type { OpenTransaction } from "./scheduler/open-transaction";

/**
 * An interactive transaction. Made by `Client.transaction()`.
 *
 * Operations run in the order of their calls, awaited or not. An aborted write ends the transaction,
 * because SQLite rolls all of it back (https://sqlite.org/c3ref/interrupt.html).
 */
export class Sqlite3Transaction implements Transaction {
  readonly #transaction: OpenTransaction;
  #ended = false;

  /** @private */
  constructor(transaction: OpenTransaction, signal?: CallSignal) {
    this.#transaction = transaction;
    const close = (): void => this.close();
    transaction.onEnd = () => {
      this.#ended = true;
      signal?.remove(close);
    };
    // Its client may have been closed in the meantime.
    if (transaction.isOpen) signal?.add(close);
    else transaction.onEnd();
  }

  static {
    const methods = ["execute", "batch", "executeMultiple", "iterate"] as const;
    traceCalls(this, methods, (self) => ({ path: self.#transaction.path, transaction: true }));
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
      const { statement, signal } = parseStatement(stmt, undefined);
      const mostRows = parseChunk(options) ?? MOST_ROWS;
      return new Rows<R>(new Cursor(this.#transaction, statement, signal, mostRows));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async batch(stmts: BatchStatement[], options?: SignalOption): Promise<ResultSet[]> {
    try {
      const statements = parseStatements(stmts);
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
      return await this.#transaction.executeMultiple(sql, parseSignal(options));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async commit(): Promise<void> {
    try {
      this.#check();
      this.#ended = true;
      return await this.#transaction.commit();
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async rollback(): Promise<void> {
    try {
      if (this.#ended) return;
      this.#ended = true;
      return await this.#transaction.rollback();
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

  #check(): void {
    if (this.#ended) throw transactionClosed();
  }
}
