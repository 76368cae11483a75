/** The interactive transaction of remote clients. */
import type { InArgs, ResultSet, Row, Transaction, TransactionMode } from "@libsql/core/api";
import type {
  IterateOptions,
  PreparedStatement,
  ResultSetOf,
  RowIterator,
  StatementDescription,
} from "../../index.js";
import type { CallSignal } from "../client/call-signal";
import { clientClosed, transactionClosed, transactionClosedInBatch } from "../client/errors";
import { errorOf, Failure } from "../client/failure";
import { keptStatement } from "../client/kept-statement";
import { runAll, type Arguments, type Portion } from "../client/many";
import { Prepared } from "../client/prepared-statement";
import { Nesting, type NestedTransaction } from "../client/nested-transaction";
import { parseChunk, type SignalOption } from "../client/options";
import { Rows, WholeResult, type RowSource } from "../client/row-iterator";
import {
  parseStatement,
  parseStatements,
  type BatchStatement,
  type InStatement,
  type Statement,
} from "../client/statement";
import { traceCalls, tracedStep, type TracedPlace } from "../client/tracing";
import type { Scope, TransactionOptions } from "../client/transaction-function";
import { batchResults, hasBegun, indexOfRefused, programOf } from "./batch";
import type { Call, Calls, RunOptions } from "./calls";
import { toDescription } from "./description";
import { RefusedText, RequestFailure, statementsBefore, transactionLost } from "./errors";
import { parseRunOptions } from "./options";
import type { WireBatchResult, WireStatement, WireStep } from "./protocol";
import type { ReadModes } from "./results";
import type { Stream } from "./server";
import { command, toWireStatement, toWireStatements } from "./statement";

/** The most lists of arguments in one request. */
const MOST_LISTS = 250;

/** The client of a transaction, as the transaction sees it. */
export interface TransactionHost {
  readonly calls: Calls;
  readonly modes: ReadModes;
  /** Opens a stream for a transaction. */
  open(call: Call): Promise<Stream>;
  /** The transaction has ended. */
  ended(transaction: RemoteTransaction): void;
  /** The run of the function that it is for. */
  readonly scope?: Scope | undefined;
}

/** How long one transaction inside of another waits for an idle one, in ms. */
const PATIENCE_MS = 4000;

/**
 * An interactive transaction. Made by `Client.transaction()`.
 *
 * Operations run in the order of their calls, awaited or not. It begins with its first operation, in the
 * same request. An operation that was aborted or has lost its connection ends the transaction: nobody
 * knows how far it has come.
 */
export class RemoteTransaction implements Transaction {
  readonly #host: TransactionHost;
  #stream: Stream;
  readonly #mode: TransactionMode;
  readonly #signal: CallSignal | undefined;
  readonly #onAbort = (): void => this.close();
  #hasBegun = false;
  #wasRefused = false;
  /** Its owner has ended it: no further operations are taken. */
  #isEnding = false;
  /** Nothing more is sent. */
  #isOver = false;
  /** What has ended it, if that was a failure. */
  #cause: Failure | undefined;
  #nesting: Nesting | undefined;
  /** Settles when the operations that were called so far have ended. */
  #last: Promise<unknown> = Promise.resolve();

  /** @private */
  constructor(
    host: TransactionHost,
    stream: Stream,
    mode: TransactionMode,
    signal: CallSignal | undefined,
  ) {
    this.#host = host;
    this.#stream = stream;
    this.#mode = mode;
    this.#signal = signal;
    signal?.add(this.#onAbort);
  }

  static {
    const methods = ["execute", "batch", "executeMultiple", "iterate"] as const;
    traceCalls(this, methods, (self) => self.tracedPlace);
  }

  /** Whether its owner, the server, or the closing of its client has ended the transaction. */
  get closed(): boolean {
    // Before it has begun, it is not tied to its stream.
    return this.#isEnding || this.#isOver || (this.#hasBegun && this.#stream.isClosed);
  }

  execute<R = Row>(stmt: InStatement): Promise<ResultSetOf<R>>;
  execute<R = Row>(sql: string, args?: InArgs): Promise<ResultSetOf<R>>;
  async execute(stmtOrSql: InStatement, args?: InArgs): Promise<ResultSet> {
    try {
      this.#check();
      const { statement, signal } = parseStatement(stmtOrSql, args);
      return await this.#execute(statement, signal);
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  /** The whole result comes with the first row. */
  iterate<R = Row>(stmt: InStatement, options?: IterateOptions): RowIterator<R> {
    return new Rows<R>(this.rowsOf(stmt, options));
  }

  prepare<R = Row>(sql: string): PreparedStatement<R> {
    return new Prepared<R>(this, sql);
  }

  /** @private */
  async runMany(sql: string, source: Arguments, signal: CallSignal | undefined): Promise<number> {
    this.#check();
    const begin = (first: number): Portion => {
      const statements: WireStatement[] = [];
      return {
        add: (args) => void statements.push(toWireStatement({ sql, args })),
        get isFull() {
          return statements.length >= MOST_LISTS;
        },
        run: async () => {
          try {
            const results = await this.#run({ signal }, (call) =>
              this.#statements(call, statements),
            );
            return results.reduce((sum, { rowsAffected }) => sum + rowsAffected, 0);
          } catch (reason) {
            throw statementsBefore(first, reason);
          }
        },
      };
    };
    const run = (): Promise<number> => runAll(source, begin, signal);
    return await tracedStep("executeMany", sql, this.tracedPlace, run);
  }

  /** @private */
  async describe(sql: string): Promise<StatementDescription> {
    try {
      this.#check();
      return await this.#run({}, async (call) => {
        if (!this.#hasBegun) await this.#statements(call, []);
        return toDescription(await this.#stream.describe(call, sql));
      });
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  /** @private */
  rowsOf(stmt: InStatement, options: IterateOptions | undefined): RowSource {
    parseChunk(options);
    const { statement, signal } = parseStatement(stmt, undefined);
    const kept = keptStatement(statement);
    const failure = (): { error: unknown } | undefined =>
      this.closed ? { error: transactionClosed() } : undefined;
    const run = async (): Promise<ResultSet> => {
      this.#check();
      return await this.#execute(kept, signal);
    };
    return new WholeResult(run, failure);
  }

  get<R = Row>(stmt: InStatement): Promise<R | undefined>;
  get<R = Row>(sql: string, args?: InArgs): Promise<R | undefined>;
  async get(stmt: InStatement, args?: InArgs): Promise<Row | undefined> {
    const { rows } = await this.execute(stmt as string, args);
    return rows[0];
  }

  async batch(stmts: BatchStatement[], options?: SignalOption): Promise<ResultSet[]> {
    try {
      const statements = parseStatements(stmts);
      if (statements.length === 0) return [];
      if (this.closed) throw transactionClosedInBatch(0, this.#reason?.make());
      const wire = toWireStatements(statements);
      return await this.#run(parseRunOptions(options), (call) => this.#statements(call, wire));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async executeMultiple(sql: string, options?: SignalOption): Promise<void> {
    try {
      this.#check();
      const wire = toWireStatement({ sql });
      return await this.#run(parseRunOptions(options), async (call) => {
        if (!this.#hasBegun) await this.#statements(call, []);
        await this.#stream.sequence(call, wire.sql as string);
      });
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
      const closed = this.#closed;
      this.#nesting ??= new Nesting(this, { depth: 0, patienceMs: PATIENCE_MS, closed });
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
      if (this.closed) return;
      const rollback = (): Promise<void> => this.#end((call) => this.#rollback(call));
      return await this.#ends(tracedStep("rollback", "ROLLBACK", this.tracedPlace, rollback));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  close(): void {
    this.#finish();
  }

  /**
   * Rolls back behind the operations that were called so far, because the client is about to be closed.
   * Resolves when that is done.
   * @private
   */
  async abandon(): Promise<void> {
    if (this.closed) return;
    const isOfClosing = true;
    // Where it fails, the end of the stream rolls back.
    await this.#end((call) => this.#rollback(call), { isOfClosing }).catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @private */
  get wasRefused(): boolean {
    return this.#wasRefused;
  }

  /** @private */
  tryCommit(): Promise<void> {
    this.#check();
    const commit = (): Promise<void> => this.#end((call) => this.#commit(call));
    return this.#ends(tracedStep("commit", "COMMIT", this.tracedPlace, commit));
  }

  /** @private */
  get tracedPlace(): TracedPlace {
    return { path: this.#host.calls.url, transaction: true };
  }

  /** @private */
  nestedSettled(): Promise<void> | undefined {
    return this.#nesting?.settled();
  }

  /** Its owner ends it. */
  #ends(end: Promise<void>): Promise<void> {
    const { scope } = this.#host;
    if (scope !== undefined) scope.ending = end;
    return end;
  }

  readonly #closed = (): Failure | undefined =>
    this.#host.calls.isClosed ? clientClosed() : undefined;

  get #reason(): Failure | undefined {
    return this.#cause ?? (this.#isEnding || this.#isOver ? undefined : this.#stream.loss);
  }

  #check(): void {
    if (this.closed) throw transactionClosed(this.#reason?.make());
  }

  async #execute(statement: Statement, signal: CallSignal | undefined): Promise<ResultSet> {
    const wire = toWireStatement(statement);
    const options = parseRunOptions(statement, signal);
    const [result] = await this.#run(options, (call) => this.#statements(call, [wire], false));
    return result as ResultSet;
  }

  /** Runs an operation behind those that were called before. */
  async #run<T>(options: RunOptions, operation: (call: Call) => Promise<T>): Promise<T> {
    const before = this.#last;
    let isUnderWay = false;
    const running = this.#host.calls.run(
      async (call) => {
        if (this.#isOver) throw transactionClosed(this.#reason?.make());
        isUnderWay = true;
        if (!this.#hasBegun) await this.#renew(call);
        return await operation(call);
      },
      { ...options, takesSlot: false, after: before, mayRetry: () => !this.#hasBegun },
    );
    this.#last = Promise.allSettled([before, running]);
    try {
      return await running;
    } catch (reason) {
      // What has failed below the statements has ended the stream, and so has the abort of an operation.
      if (isUnderWay && !isStatementFailure(reason)) this.#finish(reason);
      if (this.#hasBegun && reason instanceof RequestFailure) throw transactionLost(reason, false);
      throw reason;
    }
  }

  /** Takes another stream if the one that it was to begin on has ended. */
  async #renew(call: Call): Promise<void> {
    await this.#stream.see();
    if (!this.#stream.isClosed) return;
    this.#stream.close();
    this.#stream = await this.#host.open(call);
  }

  /** Runs statements in the transaction. The first ones begin it. `showsSql`: in an error. */
  async #statements(
    call: Call,
    statements: readonly WireStatement[],
    showsSql = true,
  ): Promise<ResultSet[]> {
    const program = programOf(statements, {
      version: this.#stream.version,
      mode: this.#hasBegun ? undefined : this.#mode,
      commits: false,
      foreignKeysOff: false,
    });
    const answer = await this.#batch(call, program.steps, statements, showsSql);
    if (hasBegun(program, answer)) {
      this.#hasBegun = true;
    } else {
      this.#wasRefused = true;
      this.#finish();
    }
    return await batchResults(program, answer, this.#host.modes, showsSql);
  }

  async #batch(
    call: Call,
    steps: WireStep[],
    statements: readonly WireStatement[],
    showsSql: boolean,
  ): Promise<WireBatchResult> {
    try {
      return await this.#stream.batch(call, steps);
    } catch (reason) {
      if (!(reason instanceof RefusedText)) throw reason;
      const index =
        statements.length === 1 ? 0 : await indexOfRefused(this.#stream, call, statements, reason);
      if (index === undefined) throw reason;
      throw reason.at(index, showsSql ? statements[index]?.sql : undefined);
    }
  }

  /** Ends the transaction behind the operations that were called before. */
  async #end(operation: (call: Call) => Promise<void>, options: RunOptions = {}): Promise<void> {
    this.#isEnding = true;
    const after = this.#last;
    const ending = this.#host.calls.run(
      async (call) => {
        if (this.#hasBegun) await operation(call);
      },
      { ...options, takesSlot: false, after, mayRetry: () => false },
    );
    this.#last = ending.catch(() => undefined);
    try {
      await ending;
    } finally {
      this.#finish();
    }
  }

  async #commit(call: Call): Promise<void> {
    try {
      if (this.#stream.isClosed) throw transactionClosed(this.#reason?.make());
      const program = programOf([], {
        version: this.#stream.version,
        mode: undefined,
        commits: true,
        foreignKeysOff: false,
      });
      const answering = this.#stream.batch(call, program.steps);
      this.#stream.closeBehind();
      const answer = await answering;
      await batchResults(program, answer, this.#host.modes);
    } catch (reason) {
      throw reason instanceof RequestFailure ? transactionLost(reason, true) : reason;
    }
  }

  async #rollback(call: Call): Promise<void> {
    if (this.#stream.isClosed) return;
    const answering = this.#stream.execute(call, command("ROLLBACK"));
    this.#stream.closeBehind();
    try {
      await answering;
    } catch (reason) {
      // A stream that is lost is rolled back by the server.
      if (!(reason instanceof RequestFailure)) throw reason;
    }
  }

  #finish(cause?: unknown): void {
    if (cause instanceof Failure) this.#cause ??= cause;
    this.#signal?.remove(this.#onAbort);
    this.#isOver = true;
    this.#stream.close();
    this.#host.ended(this);
    this.#host.scope?.ended(this.#closed());
    this.#nesting?.ended();
  }
}

/** Whether the server has refused a statement, and the transaction goes on. */
function isStatementFailure(reason: unknown): boolean {
  return reason instanceof Failure && !(reason instanceof RequestFailure);
}
