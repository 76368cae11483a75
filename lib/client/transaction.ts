/** An interactive transaction of the local client. */
import type { InArgs, ResultSet, Row, Transaction } from "@libsql/core/api";
import type { ResultSetOf } from "../../index.js";
import { transactionClosed, transactionClosedInBatch } from "../native/errors";
import type { OpenTransaction } from "../pool/open-transaction";
import { givenSignal, givenStatement, type InStatement, type SignalOption } from "../statement";

/**
 * An interactive transaction. Made by `Client.transaction()`.
 *
 * Its operations run in the order of their calls, awaited or not. A write that is aborted ends the
 * transaction: SQLite rolls all of it back (https://sqlite.org/c3ref/interrupt.html).
 */
export class Sqlite3Transaction implements Transaction {
  readonly #transaction: OpenTransaction;
  #ended = false;

  /** @private */
  constructor(transaction: OpenTransaction, signal?: AbortSignal) {
    this.#transaction = transaction;
    const close = (): void => this.close();
    signal?.addEventListener("abort", close, { once: true });
    transaction.onEnd = () => {
      this.#ended = true;
      signal?.removeEventListener("abort", close);
    };
    // Its client may have been closed in the meantime.
    if (!transaction.isOpen) transaction.onEnd();
  }

  /** Whether the transaction has ended: by its owner, by SQLite, or with its client. */
  get closed(): boolean {
    return this.#ended;
  }

  execute<R = Row>(stmt: InStatement): Promise<ResultSetOf<R>>;
  execute<R = Row>(sql: string, args?: InArgs): Promise<ResultSetOf<R>>;
  async execute(stmtOrSql: InStatement, args?: InArgs): Promise<ResultSet> {
    this.#check();
    const { statement, signal } = givenStatement(stmtOrSql, args);
    return this.#transaction.execute(statement, signal);
  }

  async batch(
    stmts: Array<InStatement | [string, InArgs?]>,
    options?: SignalOption,
  ): Promise<Array<ResultSet>> {
    if (stmts.length === 0) return [];
    if (this.#ended) throw transactionClosedInBatch(0);
    const batch = { statements: stmts, mode: "deferred", foreignKeysOff: false } as const;
    return this.#transaction.batch(batch, givenSignal(options));
  }

  async executeMultiple(sql: string, options?: SignalOption): Promise<void> {
    this.#check();
    return this.#transaction.executeMultiple(sql, givenSignal(options));
  }

  async commit(): Promise<void> {
    this.#check();
    this.#ended = true;
    return this.#transaction.commit();
  }

  async rollback(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    return this.#transaction.rollback();
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
