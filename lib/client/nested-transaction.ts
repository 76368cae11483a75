/** Transactions inside of transactions: savepoints (https://sqlite.org/lang_savepoint.html). */
import type { InArgs, ResultSet, Row, Transaction } from "@libsql/core/api";
import type {
  IterateOptions,
  PreparedStatement,
  ResultSetOf,
  RowIterator,
  StatementDescription,
} from "../../index.js";
import type { CallSignal } from "./call-signal";
import { describe } from "./describe";
import { transactionClosed, transactionClosedInBatch } from "./errors";
import { errorOf, type Failure } from "./failure";
import type { Arguments } from "./many";
import { parseSignal, type SignalOption } from "./options";
import { Prepared } from "./prepared-statement";
import { Rows, RowsWithin, type RowSource } from "./row-iterator";
import type { BatchStatement, InStatement } from "./statement";
import { parseOptions, runIn, Scope, type TransactionOptions } from "./transaction-function";
import { traceCalls, type TracedPlace } from "./tracing";
import { Turns, type Holder } from "./turns";

/** The transaction in which others are nested. */
export interface Parent {
  readonly closed: boolean;
  readonly tracedPlace: TracedPlace;
  execute(stmt: InStatement, args?: InArgs): Promise<ResultSet>;
  get(stmt: InStatement, args?: InArgs): Promise<Row | undefined>;
  batch(stmts: BatchStatement[], options?: SignalOption): Promise<ResultSet[]>;
  executeMultiple(sql: string, options?: SignalOption): Promise<void>;
  rowsOf(stmt: InStatement, options: IterateOptions | undefined): RowSource;
  runMany(sql: string, source: Arguments, signal: CallSignal | undefined): Promise<number>;
  describe(sql: string): Promise<StatementDescription>;
  close(): void;
}

/** How transactions are nested. */
export interface NestingOptions {
  /** How many transactions they are inside of. */
  depth: number;
  /** How long one waits for an idle one, in ms. */
  patienceMs: number;
  /** Why the outermost transaction has ended, if its client was closed. */
  closed: () => Failure | undefined;
}

/** The transactions directly inside of one transaction. They take turns. */
export class Nesting {
  readonly #parent: Parent;
  readonly #options: NestingOptions;
  readonly #turns: Turns<NestedTransaction>;

  constructor(parent: Parent, options: NestingOptions) {
    this.#parent = parent;
    this.#options = options;
    this.#turns = new Turns(options.patienceMs);
  }

  /** Runs a function in a transaction inside of this one. */
  async run<T>(
    fn: (transaction: NestedTransaction) => T | PromiseLike<T>,
    given: TransactionOptions | undefined,
  ): Promise<T> {
    if (typeof fn !== "function") {
      throw new TypeError(
        `Expected the function of a nested transaction, got ${describe(fn)}: pass a function that takes the transaction`,
      );
    }
    const signal = parseSignal(parseOptions(given));
    const scope = new Scope(signal);
    const nested = new NestedTransaction(this.#parent, this.#options, scope);
    if (this.#parent.closed) throw transactionClosed();
    await this.#turns.take(nested, signal);
    const abort = (): void => {
      nested.close();
      scope.ended(undefined);
    };
    try {
      await nested.begin();
      signal?.add(abort);
      return await runIn(nested, scope, fn, { isUndone: false });
    } finally {
      signal?.remove(abort);
      await nested.over();
      this.#turns.give();
    }
  }

  /** Resolves once none is open. Undefined where none is. */
  settled(): Promise<void> | undefined {
    return this.#turns.idle();
  }

  /** The outer transaction has ended. */
  ended(): void {
    const closed = this.#options.closed();
    this.#turns.fail(closed ?? transactionClosed());
    this.#turns.holder?.outerEnded();
  }
}

/** A transaction inside of another one. `transaction(fn)` of a transaction makes one. */
export class NestedTransaction implements Transaction, Holder {
  readonly #parent: Parent;
  readonly #options: NestingOptions;
  readonly #scope: Scope;
  readonly #name: string;
  #nesting: Nesting | undefined;
  #isEnded = false;
  /** The end of the savepoint. */
  #end: Promise<void> | undefined;
  #pending = 0;
  #idleSince = performance.now();

  /** @private */
  constructor(parent: Parent, options: NestingOptions, scope: Scope) {
    this.#parent = parent;
    this.#options = options;
    this.#scope = scope;
    // The same name for all of one depth: the statements stay prepared.
    this.#name = `latchdb_${options.depth + 1}`;
  }

  static {
    // Its other calls are calls of the outer transaction.
    traceCalls(this, ["iterate"], (self) => self.tracedPlace);
  }

  /** Whether it, or the transaction that it is in, has ended. */
  get closed(): boolean {
    return this.#isEnded || this.#parent.closed;
  }

  execute<R = Row>(stmt: InStatement): Promise<ResultSetOf<R>>;
  execute<R = Row>(sql: string, args?: InArgs): Promise<ResultSetOf<R>>;
  async execute(stmt: InStatement, args?: InArgs): Promise<ResultSet> {
    this.#check();
    this.#began();
    try {
      return await this.#parent.execute(stmt, args);
    } finally {
      this.#ended();
    }
  }

  get<R = Row>(stmt: InStatement): Promise<R | undefined>;
  get<R = Row>(sql: string, args?: InArgs): Promise<R | undefined>;
  async get(stmt: InStatement, args?: InArgs): Promise<Row | undefined> {
    this.#check();
    this.#began();
    try {
      return await this.#parent.get(stmt, args);
    } finally {
      this.#ended();
    }
  }

  iterate<R = Row>(stmt: InStatement, options?: IterateOptions): RowIterator<R> {
    try {
      return new Rows<R>(this.rowsOf(stmt, options));
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
    this.#began();
    try {
      return await this.#parent.runMany(sql, source, signal);
    } finally {
      this.#ended();
    }
  }

  /** @private */
  async describe(sql: string): Promise<StatementDescription> {
    this.#check();
    this.#began();
    try {
      return await this.#parent.describe(sql);
    } finally {
      this.#ended();
    }
  }

  /** @private */
  rowsOf(stmt: InStatement, options: IterateOptions | undefined): RowSource {
    const ended = (): { error: unknown } | undefined =>
      this.closed ? { error: transactionClosed() } : undefined;
    return new RowsWithin(this.#parent.rowsOf(stmt, options), ended);
  }

  async batch(stmts: BatchStatement[], options?: SignalOption): Promise<ResultSet[]> {
    if (this.closed) throw errorOf(transactionClosedInBatch(0));
    this.#began();
    try {
      return await this.#parent.batch(stmts, options);
    } finally {
      this.#ended();
    }
  }

  async executeMultiple(sql: string, options?: SignalOption): Promise<void> {
    this.#check();
    this.#began();
    try {
      return await this.#parent.executeMultiple(sql, options);
    } finally {
      this.#ended();
    }
  }

  async transaction<T>(
    fn: (transaction: NestedTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T> {
    this.#check();
    this.#nesting ??= new Nesting(this, { ...this.#options, depth: this.#options.depth + 1 });
    try {
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
    if (this.closed) return;
    this.#isEnded = true;
    return await this.#ends(this.#undo());
  }

  close(): void {
    if (this.closed) return;
    this.#isEnded = true;
    this.#end = this.#undo().catch(() => undefined);
    this.#nesting?.ended();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @private */
  tryCommit(): Promise<void> {
    if (this.closed) throw transactionClosed();
    this.#isEnded = true;
    return this.#ends(this.#release());
  }

  /** @private */
  async begin(): Promise<void> {
    await this.execute(`SAVEPOINT ${this.#name}`);
  }

  /** @private */
  get tracedPlace(): TracedPlace {
    return this.#parent.tracedPlace;
  }

  /** @private */
  nestedSettled(): Promise<void> | undefined {
    return this.#nesting?.settled();
  }

  /**
   * Resolves once the statements that end it have their answer.
   * @private
   */
  async over(): Promise<void> {
    await this.#end?.catch(() => undefined);
  }

  /**
   * The outer transaction has ended.
   * @private
   */
  outerEnded(): void {
    this.#scope.ended(this.#options.closed());
    this.#nesting?.ended();
  }

  /** @private */
  idleFor(since: number): number {
    return this.#pending > 0 ? 0 : performance.now() - Math.max(this.#idleSince, since);
  }

  #check(): void {
    if (this.closed) throw errorOf(transactionClosed());
  }

  /** A call runs until `#ended()`. What awaits it does both: a function of their own would be in the stack of errors. */
  #began(): void {
    this.#pending++;
  }

  #ended(): void {
    this.#pending--;
    this.#idleSince = performance.now();
  }

  #ends(end: Promise<void>): Promise<void> {
    this.#end = end;
    this.#scope.ending = end;
    this.#nesting?.ended();
    return end;
  }

  async #release(): Promise<void> {
    this.#began();
    try {
      await this.#parent.execute(`RELEASE ${this.#name}`);
    } catch (error) {
      await this.#undo().catch(() => undefined);
      throw error;
    } finally {
      this.#ended();
    }
  }

  /** Where the savepoint cannot be undone, all of the outer transaction is: half of this one must not stay. */
  async #undo(): Promise<void> {
    try {
      await this.#parent.executeMultiple(`ROLLBACK TO ${this.#name}; RELEASE ${this.#name}`);
    } catch (error) {
      this.#parent.close();
      throw error;
    }
  }
}
