/** An interactive transaction of the local client. */
import type { InArgs, ResultSet, Transaction } from "@libsql/core/api";
import { transactionClosed, transactionClosedInBatch } from "../native/errors";
import type { OpenTransaction, Scheduler } from "../pool/scheduler";
import { givenStatement, type InStatement, type SignalOption } from "../statement";

/**
 * An interactive transaction. Made by `Client.transaction()`.
 *
 * Its operations run in the order of their calls, awaited or not. A write that is aborted ends the
 * transaction: SQLite rolls all of it back (https://sqlite.org/c3ref/interrupt.html).
 */
export class Sqlite3Transaction implements Transaction {
  readonly #scheduler: Scheduler;
  readonly #transaction: OpenTransaction;
  readonly #stopListening: () => void;
  #ended = false;
  /** A long batch that is being written: what is called later waits for it. */
  #writing: Promise<void> | undefined;

  /** @private */
  constructor(scheduler: Scheduler, transaction: OpenTransaction, signal?: AbortSignal) {
    this.#scheduler = scheduler;
    this.#transaction = transaction;
    transaction.noted = ({ autocommit }) => {
      if (!autocommit || this.#ended) return;
      this.#end();
      scheduler.release(transaction);
    };
    const close = (): void => this.close();
    signal?.addEventListener("abort", close, { once: true });
    this.#stopListening = () => signal?.removeEventListener("abort", close);
  }

  /** Whether the transaction has ended: by its owner, by SQLite, or with its client. */
  get closed(): boolean {
    return this.#ended || !this.#scheduler.isOpen(this.#transaction);
  }

  execute(stmt: InStatement): Promise<ResultSet>;
  execute(sql: string, args?: InArgs): Promise<ResultSet>;
  async execute(stmtOrSql: InStatement, args?: InArgs): Promise<ResultSet> {
    if (this.#writing !== undefined) await this.#written();
    this.#check();
    const { statement, signal } = givenStatement(stmtOrSql, args);
    return this.#scheduler.executeIn(this.#transaction, statement, signal);
  }

  async batch(
    stmts: Array<InStatement | [string, InArgs?]>,
    options?: SignalOption,
  ): Promise<Array<ResultSet>> {
    if (this.#writing !== undefined) await this.#written();
    if (stmts.length === 0) return [];
    if (this.closed) throw transactionClosedInBatch(0);
    const batch = { statements: stmts, mode: "deferred", foreignKeysOff: false } as const;
    let isWritten = (): void => undefined;
    this.#writing = new Promise<void>((resolve) => (isWritten = resolve));
    return this.#scheduler.batchIn(this.#transaction, batch, options?.signal, () => {
      this.#writing = undefined;
      isWritten();
    });
  }

  async executeMultiple(sql: string, options?: SignalOption): Promise<void> {
    if (this.#writing !== undefined) await this.#written();
    this.#check();
    return this.#scheduler.executeMultipleIn(this.#transaction, sql, options?.signal);
  }

  async commit(): Promise<void> {
    if (this.#writing !== undefined) await this.#written();
    this.#check();
    this.#end();
    return this.#scheduler.commit(this.#transaction);
  }

  async rollback(): Promise<void> {
    if (this.#writing !== undefined) await this.#written();
    if (this.closed) return;
    this.#end();
    return this.#scheduler.rollback(this.#transaction);
  }

  close(): void {
    if (this.#ended) return;
    this.#end();
    this.#scheduler.end(this.#transaction);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #end(): void {
    this.#ended = true;
    this.#stopListening();
  }

  #check(): void {
    if (this.closed) throw transactionClosed();
  }

  async #written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }
}
