/** An open transaction: its lane, and the order of its calls. */
import { performance } from "node:perf_hooks";
import type { ResultSet } from "@libsql/core/api";
import type { CallSignal } from "../../client/call-signal";
import { allResults, noResult, onlyResult } from "../../client/results";
import { keptStatement } from "../../client/kept-statement";
import { runAll, type Arguments, type Portion } from "../../client/many";
import type { Part } from "../../client/row-iterator";
import type { Batch, Statement } from "../../client/statement";
import type { Caller, NativeDatabase } from "../native/database";
import { transactionClosed } from "../native/errors";
import type { Submission } from "../native/job-answer";
import { writeRequest, type RequestWriter } from "../wire/request";
import type { Outcome } from "../wire/response";
import type { Batches } from "./batches";
import { CallQueue } from "./call-queue";
import { partOf, type CursorOptions } from "./part";
import type { Requests } from "./requests";

/** The part of the scheduler that a transaction uses. */
export interface TransactionHost {
  readonly database: NativeDatabase;
  readonly requests: Requests;
  readonly batches: Batches;
  /** A call was submitted, to the main lane or to another. */
  callStarted(isOnMain: boolean): void;
  /** A call of the main lane, or of another, has its answer. */
  callEnded(isOnMain: boolean, outcome: Outcome): void;
  /** The COMMIT was called. It has ended once the promise settles. */
  commitCalled(committed: Promise<void>): void;
  /** The transaction is over, or its last request is submitted: other calls can use its lane. */
  release(transaction: OpenTransaction): void;
}

export class OpenTransaction {
  /** The job that began it, by which the native side identifies it. */
  readonly number: number;
  readonly #host: TransactionHost;
  readonly #mayWrite: boolean;
  readonly #queue = new CallQueue();
  /** It has taken the main lane. */
  #isOnMain = false;
  #isPinned = false;
  #isWriting = false;
  #isOpen = true;
  /** The beginning has its answer. */
  #hasBegun = false;
  /** It is rolled back as soon as it has begun. */
  #isAbandoned = false;
  #isEnding = false;
  /** The number of unanswered calls. The first call is the beginning. */
  #pending = 1;
  #idleSince = performance.now();
  /** Called once when the transaction has ended, for whatever reason. */
  onEnd: () => void = () => undefined;

  readonly #caller: Caller;

  /** @param mayWrite whether its COMMIT may commit anything */
  constructor(host: TransactionHost, number: number, mayWrite: boolean) {
    this.#host = host;
    this.number = number;
    this.#mayWrite = mayWrite;
    this.#caller = {
      transaction: number,
      ranInPlace: () => (this.#idleSince = performance.now()),
      started: () => this.#started(),
      ended: (outcome) => this.#ended(outcome),
    };
  }

  /** The path of its database. */
  get path(): string {
    return this.#host.database.path;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether its owner has ended it. Calls that were made before may still wait. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Whether it has the lane that the client is pinned to. */
  get isPinned(): boolean {
    return this.#isPinned;
  }

  /** For how long it has been idle, in ms, counted from `since` at the earliest. */
  idleFor(since: number): number {
    if (this.#pending > 0 || this.#isWriting) return 0;
    return performance.now() - Math.max(this.#idleSince, since);
  }

  /** The beginning was submitted: it has taken the main lane, or another. */
  beginning(isOnMain: boolean): void {
    this.#isOnMain = isOnMain;
    this.#host.callStarted(isOnMain);
  }

  /** The beginning has its answer. */
  begun(outcome: Outcome): void {
    this.#ended(outcome);
    this.#hasBegun = true;
    if (this.#isAbandoned) this.abandon();
  }

  /** @returns its result if it has run on this thread, else the promise of it */
  execute(statement: Statement, signal: CallSignal | undefined): ResultSet | Promise<ResultSet> {
    const takesTime = this.#host.database.runsInPlace;
    const isReady = this.#queue.isFreeFor(takesTime) && !this.#isWriting && this.#isOpen;
    if (isReady) return this.#execute(statement, signal);
    let kept = statement;
    const keep = (): void => void (kept = keptStatement(statement));
    return this.#inTurn(signal, () => this.#execute(kept, signal), { takesTime, keep });
  }

  #execute(statement: Statement, signal: CallSignal | undefined): ResultSet | Promise<ResultSet> {
    // This may run the caller's code, which may make other calls.
    const request = this.#host.requests.statement(statement);
    const { database } = this.#host;
    if (!database.runsInPlace || this.#pending > 0 || this.#queue.isCrowded) {
      return this.#submit(request, signal, onlyResult);
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    return database.execute(request, signal, this.#caller);
  }

  /** Why no call can be made. */
  failure(): { error: unknown } | undefined {
    return this.#isOpen && !this.#isEnding ? undefined : { error: transactionClosed() };
  }

  /** Runs a statement for each list of arguments that a source gives. */
  runMany(sql: string, source: Arguments, signal: CallSignal | undefined): Promise<number> {
    const begin = (firstIndex: number): Portion => {
      const request = this.#host.requests.many(sql);
      const run = async (): Promise<number> => {
        const start = (): Promise<ResultSet> =>
          this.#submit(request.finish(), signal, onlyResult, { firstIndex });
        return (await this.#inTurn(signal, start)).rowsAffected;
      };
      return {
        add: (args) => request.add(args),
        get isFull() {
          return request.isFull;
        },
        run,
      };
    };
    return runAll(source, begin, signal);
  }

  /** What a statement is, as JSON. */
  describe(sql: string): Promise<ResultSet> {
    return this.#inTurn(undefined, () =>
      this.#submit(this.#host.requests.describe(sql), undefined, onlyResult),
    );
  }

  /** Opens a cursor, and resolves with its first rows. */
  openCursor(statement: Statement, how: CursorOptions): Promise<Part> {
    let kept = statement;
    const keep = (): void => void (kept = keptStatement(statement));
    const open = (): Promise<Part> => {
      const request = this.#host.requests.openCursor(kept, how.mostRows, false);
      return this.#submit(request, how.signal, partOf, { job: how.number });
    };
    return this.#inTurn(how.signal, open, { keep });
  }

  /** Further rows of a cursor. */
  fetch({ number, mostRows, signal, options }: CursorOptions): Promise<Part> {
    const fetch = (): Promise<Part> =>
      this.#submit(
        writeRequest((writer) => writer.fetch(number, mostRows, options)),
        signal,
        partOf,
      );
    return this.#inTurn(signal, fetch);
  }

  /** Closes a cursor. */
  async closeCursor({ number }: CursorOptions): Promise<void> {
    if (!this.#isOpen || this.#isEnding) return;
    const close = (): Promise<void> =>
      this.#submit(
        writeRequest((writer) => writer.closeCursor(number)),
        undefined,
        noResult,
      );
    return this.#inTurn(undefined, close);
  }

  batch(batch: Batch, signal: CallSignal | undefined): Promise<ResultSet[]> {
    const submit = (request: RequestWriter): Promise<ResultSet[]> =>
      this.#submit(request, signal, allResults);
    const setWriting = (isWriting: boolean): void => {
      this.#isWriting = isWriting;
      if (isWriting) return;
      this.#idleSince = performance.now();
      this.#queue.advance();
    };
    const { batches } = this.#host;
    let kept = batch;
    const keep = (): void => void (kept = batches.kept(batch));
    return this.#inTurn(signal, () => batches.run(kept, signal, submit, setWriting), { keep });
  }

  executeMultiple(
    sql: string,
    signal: CallSignal | undefined,
    queryTimeout?: number,
  ): Promise<void> {
    return this.#inTurn(signal, () =>
      this.#submit(
        writeRequest((writer) => writer.script(sql, queryTimeout)),
        signal,
        noResult,
      ),
    );
  }

  /** Commits. Other calls can use the lane at once: their requests run after the commit. */
  commit(): Promise<void> {
    this.#isEnding = true;
    const commit = (): Promise<void> => this.#last(writeRequest((writer) => writer.commit()));
    const committed = this.#inTurn(undefined, commit);
    if (this.#mayWrite) this.#host.commitCalled(committed);
    return committed;
  }

  /** Rolls back after the calls that were made before. */
  rollback(): Promise<void> {
    this.#isEnding = true;
    return this.#inTurn(undefined, () => this.#last(writeRequest((writer) => writer.rollback())));
  }

  /**
   * Rolls back after the calls that were made before, because the client is being closed. Until it has begun, it
   * may have to wait for calls of other lanes, and keeps its own.
   */
  abandon(): void {
    this.#isAbandoned = true;
    if (!this.#hasBegun) return;
    const submitRollback = (): Promise<void> => {
      const request = writeRequest((writer) => writer.endAnyTransaction());
      // Any transaction: a COMMIT or ROLLBACK of the caller may have ended this one.
      const answer = this.#submit(request, undefined, noResult, { isOfClosing: true });
      this.#release();
      return answer;
    };
    this.#inTurn(undefined, submitRollback, { isOfClosing: true }).catch(() => undefined);
  }

  /** Cancels the running calls, rolls back, and waits for that. Has no effect after `commit` or `rollback`. */
  end(): void {
    if (!this.#isOpen || this.#isEnding) return;
    this.#host.database.endTransaction(this.number);
    this.#release();
  }

  /** Ends the transaction with its client. Returns the number of calls that never started. */
  forget(error: unknown): number {
    this.#isOpen = false;
    const forgotten = this.#queue.fail(error);
    this.onEnd();
    return forgotten;
  }

  /** Starts calls in their order, also after a long batch that is still being written. */
  #inTurn<T>(
    signal: CallSignal | undefined,
    start: () => T | Promise<T>,
    {
      isOfClosing = false,
      takesTime = false,
      keep,
    }: { isOfClosing?: boolean; takesTime?: boolean; keep?: () => void } = {},
  ): Promise<T> {
    return this.#queue.enter({
      keep,
      signal,
      isOfClosing,
      takesTime,
      ready: () => !this.#isWriting,
      start: () => (this.#isOpen ? start() : Promise.reject(transactionClosed())),
    });
  }

  #submit<T>(
    request: RequestWriter,
    signal: CallSignal | undefined,
    value: Submission<T>["value"],
    {
      isOfClosing = false,
      job,
      firstIndex,
    }: { isOfClosing?: boolean; job?: number; firstIndex?: number } = {},
  ): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#started();
    return this.#host.database.submit({
      transaction: this.number,
      ...(job === undefined ? {} : { job }),
      request,
      firstIndex,
      isOfClosing,
      signal,
      value,
      ended: (outcome) => this.#ended(outcome),
    });
  }

  #started(): void {
    this.#pending++;
    this.#host.callStarted(this.#isOnMain);
  }

  #ended(outcome: Outcome): void {
    this.#answered(outcome);
    // SQLite, or a COMMIT or ROLLBACK of the caller, has ended the transaction.
    if (outcome.autocommit && this.#isOpen) this.#release();
  }

  #answered(outcome: Outcome): void {
    this.#pending--;
    this.#idleSince = performance.now();
    this.#isPinned ||= outcome.pinned;
    this.#host.callEnded(this.#isOnMain, outcome);
  }

  #last(request: RequestWriter): Promise<void> {
    const answer = this.#submit(request, undefined, noResult);
    this.#release();
    return answer;
  }

  #release(): void {
    this.#isOpen = false;
    this.onEnd();
    this.#host.release(this);
    this.#queue.fail(transactionClosed());
  }
}
