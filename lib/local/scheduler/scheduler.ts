/**
 * Schedules the calls of one open client.
 *
 * Calls start in the order in which they are made. Those outside of transactions run on the main lane,
 * one after the other; each transaction has a lane of its own while it is open. The native side decides
 * which of the lanes may write, again in the order of the calls.
 */
import type { ResultSet, TransactionMode } from "@libsql/core/api";
import type { ClientStats } from "../../../index.js";
import type { CallSignal } from "../../client/call-signal";
import { allResults, noResult, onlyResult } from "../../client/results";
import { keptStatement } from "../../client/kept-statement";
import type { Part } from "../../client/row-iterator";
import type { Batch, Statement } from "../../client/statement";
import { currentTrace, withTrace } from "../../client/tracing";
import { NativeDatabase, type Caller, type DatabaseOptions } from "../native/database";
import { nextJob } from "../native/delivery";
import type { Submission } from "../native/job-answer";
import { allHeld, clientClosed, NO_CURSOR, queueFull } from "../native/errors";
import { writeRequest, type RequestWriter } from "../wire/request";
import type { Outcome } from "../wire/response";
import { Batches } from "./batches";
import { CallQueue, type Call } from "./call-queue";
import { Closing } from "./closing";
import { ExplicitTransaction, mayBegin } from "./explicit-transaction";
import { Lanes } from "./lanes";
import type { Host } from "./host";
import { OpenTransaction } from "./open-transaction";
import { partOf, type CursorOptions, type CursorPlace } from "./part";
import { Patience } from "./patience";
import { Requests } from "./requests";
import { Suspension } from "./suspension";

/**
 * The most unanswered calls beside which a call on this thread is tried: they may be long reads, which run on
 * connections of their own. With more, calls wait for a thread, and the try would be in vain.
 */
const MOST_BESIDE = 8;

/** How the calls of a database are scheduled. */
export interface SchedulerOptions extends DatabaseOptions {
  /** How long to wait for a connection for a transaction, in ms. */
  acquireTimeout: number | undefined;
  /** The most unanswered calls outside of transactions. */
  maxQueue: number | undefined;
}

export class Scheduler implements Host {
  readonly database: NativeDatabase;
  readonly requests: Requests;
  readonly lanes: Lanes;
  readonly explicit = new ExplicitTransaction();
  readonly queue = new CallQueue({
    canJoin: () => this.explicit.isOpen,
    canPass: () => !this.lanes.isOtherFree && !this.#sharesMain,
    goOn: () => this.advance(),
  });
  readonly transactions = new Set<OpenTransaction>();
  readonly batches: Batches;
  readonly patience: Patience;
  readonly maxConnections: number;
  readonly #maxQueue: number;
  readonly suspension: Suspension;
  readonly closing: Closing;
  readonly #caller: Caller = {
    transaction: 0,
    // Nothing waits for the end of a call that ran while nothing else did.
    ranInPlace: () => undefined,
    started: () => this.#started(false),
    ended: (outcome) => this.#ended(outcome, false),
  };
  /** The number of calls that wait to begin a transaction, but not because of a suspension. */
  #beginning = 0;
  #isWritingOnMain = false;
  /** The number of COMMITs for which the calls that are made now wait. */
  #commitsBefore = 0;
  /** The rollback of the explicit transaction has no answer yet. */
  #isAbandoning = false;

  /**
   * Opens the database and its first connection: at once, or after the suspension of a former client.
   * `check` throws if it may not be opened any more then.
   * @throws LibsqlError with SQLite's code if the file cannot be opened
   */
  constructor(
    options: SchedulerOptions,
    maxConnections: number,
    { former, check = () => undefined }: { former?: Scheduler; check?: () => void } = {},
  ) {
    this.closing = new Closing(this, former?.closing);
    this.suspension = new Suspension(this, this.closing);
    this.database = new NativeDatabase(options, maxConnections, this.closing);
    this.requests = new Requests(options.intMode, this.database.statements);
    this.maxConnections = maxConnections;
    this.#maxQueue = options.maxQueue ?? Infinity;
    this.lanes = new Lanes(this.database);
    this.batches = new Batches(
      this.requests,
      () => this.closing.isEnded,
      () => this.advance(),
    );
    this.patience = new Patience(this, options.timeout, options.acquireTimeout);
    if (former === undefined) {
      this.database.open();
      this.lanes.opened(maxConnections);
    } else {
      this.suspension.openAfter(former, check);
    }
  }

  /**
   * Whether a call outside of transactions can be made.
   * @throws LibsqlError CLIENT_CLOSED, TRANSACTION_ACTIVE
   */
  check(): void {
    const refused = this.#refusal(undefined);
    if (refused !== undefined) throw refused.error;
  }

  /** Why no call can be made, however the calls before it end. */
  failure(): { error: unknown } | undefined {
    return this.closing.isClosed ? { error: clientClosed() } : undefined;
  }

  /**
   * Runs one statement outside of transactions.
   * @returns its result if it has run on this thread, else the promise of it
   */
  execute(statement: Statement, signal: CallSignal | undefined): ResultSet | Promise<ResultSet> {
    const begins = mayBegin(statement.sql);
    const takesTime = this.database.runsInPlace;
    if (!begins && this.queue.isFreeFor(takesTime) && this.#isMainReady) {
      const refused = this.#refusal(signal);
      if (refused !== undefined) return Promise.reject(refused.error);
      return this.#execute(statement, signal, false);
    }
    let kept = statement;
    const keep = (): void => void (kept = keptStatement(statement));
    const start = (): ResultSet | Promise<ResultSet> => this.#execute(kept, signal, begins);
    const how = { joins: true, begins, takesTime: takesTime && !begins, keep };
    return this.#call(signal, start, how);
  }

  #execute(
    statement: Statement,
    signal: CallSignal | undefined,
    begins: boolean,
  ): ResultSet | Promise<ResultSet> {
    this.#makeRoomFor(statement.sql);
    // This may run the caller's code, which may make other calls.
    const request = this.requests.statement(statement);
    const mayRunInPlace = this.database.runsInPlace && !begins && !this.explicit.isOpen;
    const isBusy = !this.lanes.areOthersDone || this.lanes.pendingOnMain > MOST_BESIDE;
    if (!mayRunInPlace || isBusy || this.queue.isCrowded) {
      return this.#submit(request, signal, onlyResult, { begins });
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    return this.database.execute(request, signal, this.#caller);
  }

  /** Runs a batch in a transaction of its own. */
  batch(batch: Batch, signal: CallSignal | undefined): Promise<ResultSet[]> {
    const submit = (request: RequestWriter): Promise<ResultSet[]> =>
      this.#submit(request, signal, allResults);
    const setWriting = (isWriting: boolean): void => {
      this.#isWritingOnMain = isWriting;
      if (!isWriting) this.advance();
    };
    let kept = batch;
    const keep = (): void => void (kept = this.batches.kept(batch));
    const start = (): Promise<ResultSet[]> => this.batches.run(kept, signal, submit, setWriting);
    return this.#call(signal, start, { joins: false, keep });
  }

  /** Runs a text of several statements. */
  executeMultiple(
    sql: string,
    signal: CallSignal | undefined,
    queryTimeout?: number,
  ): Promise<void> {
    const start = (): Promise<void> => {
      this.#makeRoomFor(sql);
      return this.#submit(
        writeRequest((writer) => writer.script(sql, queryTimeout)),
        signal,
        noResult,
      );
    };
    return this.#call(signal, start, { joins: true });
  }

  /**
   * Begins a transaction, on a lane of its own if there can be one. It begins after the calls that were
   * made before it, so that it sees their changes.
   * @param waits whether it waits for the only connection of a database in memory: a function's transaction ends
   * by itself
   */
  begin(
    mode: TransactionMode,
    signal: CallSignal | undefined,
    waits = false,
  ): Promise<OpenTransaction> {
    const begin = (): Promise<OpenTransaction> => {
      const transaction = new OpenTransaction(this, nextJob(), mode !== "read");
      const request = writeRequest((writer) => writer.begin(mode));
      return this.#begin(transaction, signal, request, () => transaction);
    };
    return this.#beginInTurn(signal, begin, { waits });
  }

  #beginInTurn<T>(
    signal: CallSignal | undefined,
    begin: () => Promise<T>,
    { waits = false, keep }: { waits?: boolean; keep?: () => void },
  ): Promise<T> {
    const refused = this.#refusal(signal, waits);
    if (refused !== undefined) return Promise.reject(refused.error);
    // Calls that wait because of a suspension do not count against the client's connections.
    const counts = this.suspension.latest === undefined && !this.queue.hasBacklog ? 1 : 0;
    this.#beginning += counts;
    const begun = this.queue.enter({
      signal,
      keep,
      begins: true,
      ready: () =>
        !this.#isWritingOnMain &&
        !this.#isBehindCommit &&
        // It gets the main lane only if there can be no other, and not while the explicit one is on it.
        (this.lanes.isOtherFree ||
          (this.#sharesMain && this.lanes.isMainFree && !this.explicit.isOpen)),
      start: () => {
        this.#beginning -= counts;
        return begin();
      },
      onCancelled: () => (this.#beginning -= counts),
    });
    this.patience.watch();
    return begun;
  }

  /**
   * Opens a cursor outside of transactions, and resolves with its first rows: in a transaction of its own, which
   * only reads and has a lane of its own, if there can be one. `opens` is told where its further rows come from.
   */
  async openCursor(
    statement: Statement,
    how: CursorOptions,
    opens: (place: CursorPlace) => void,
  ): Promise<Part> {
    const isShared = this.#sharesCursors;
    const trace = currentTrace();
    try {
      return await this.#openCursor(isShared, statement, how, opens);
    } catch (error) {
      // What the calls before it have done decides where it can be opened: they may have ended the explicit
      // transaction, or pinned the client.
      if (error !== NO_CURSOR || this.#sharesCursors === isShared) throw error;
      return await withTrace(trace, () => this.#openCursor(!isShared, statement, how, opens));
    }
  }

  /** Whether a cursor is opened on the connection of the other calls. */
  get #sharesCursors(): boolean {
    return this.#sharesMain || !this.database.isFile || this.explicit.isComing;
  }

  #openCursor(
    isShared: boolean,
    statement: Statement,
    how: CursorOptions,
    opens: (place: CursorPlace) => void,
  ): Promise<Part> {
    let kept = statement;
    const keep = (): void => void (kept = keptStatement(statement));
    const write = (begins: boolean): RequestWriter =>
      this.requests.openCursor(kept, how.mostRows, begins);
    if (isShared) {
      opens(this);
      const open = (): Promise<Part> =>
        this.#submit(write(false), how.signal, partOf, { job: how.number });
      return this.#call(how.signal, open, { joins: true, keep });
    }
    const begin = (): Promise<Part> => {
      const request = write(true);
      const transaction = new OpenTransaction(this, how.number, false);
      opens(transaction);
      return this.#begin(transaction, how.signal, request, partOf);
    };
    return this.#beginInTurn(how.signal, begin, { keep });
  }

  /** Further rows of a cursor of the main lane. */
  fetch({ number, mostRows, signal, options }: CursorOptions): Promise<Part> {
    const fetch = (): Promise<Part> =>
      this.#submit(
        writeRequest((writer) => writer.fetch(number, mostRows, options)),
        signal,
        partOf,
      );
    return this.#call(signal, fetch, { joins: true });
  }

  /**
   * Closes a cursor of the main lane. This waits for no other call and is never refused: the cursor would stay open.
   */
  async closeCursor({ number }: CursorOptions): Promise<void> {
    if (this.closing.isClosed) return;
    await this.database.submit({
      transaction: 0,
      request: writeRequest((writer) => writer.closeCursor(number)),
      isOfClosing: true,
      signal: undefined,
      value: noResult,
      ended: () => undefined,
    });
  }

  /** What a statement is, as JSON. */
  describe(sql: string): Promise<ResultSet> {
    const describe = (): Promise<ResultSet> =>
      this.#submit(this.requests.describe(sql), undefined, onlyResult);
    return this.#call(undefined, describe, { joins: true });
  }

  /** See `LocalClient.stats()`. */
  stats(): ClientStats {
    const { database, lanes, queue, transactions } = this;
    const idle = [...transactions].filter((transaction) => transaction.idleFor(0) > 0).length;
    return {
      calls: { ...database.calls },
      pending: { waiting: queue.size, running: lanes.pending },
      transactions: { open: transactions.size, idle },
      ...database.stats(),
    };
  }

  // --- the host of its parts ---------------------------------------------------------------------

  callStarted(isOnMain: boolean): void {
    this.lanes.begin(isOnMain);
  }

  callEnded(isOnMain: boolean, outcome: Outcome): void {
    this.lanes.end(isOnMain);
    if (outcome.pinned) {
      this.lanes.pin();
      this.#moveToPinned();
    }
    this.advance();
  }

  /**
   * The calls that are made right behind `commit()`, before anything is awaited, wait for its end: for their caller, it is
   * done. Others, which know nothing of it, do not.
   */
  commitCalled(committed: Promise<void>): void {
    this.#commitsBefore++;
    const waiting = this.queue.size;
    const goOn = (): void => {
      this.#commitsBefore--;
      this.advance();
    };
    queueMicrotask(() => {
      if (this.queue.size > waiting) committed.then(goOn, goOn);
      else goOn();
    });
  }

  release(transaction: OpenTransaction): void {
    if (!this.transactions.delete(transaction)) return;
    this.database.releaseTransaction(transaction.number);
    this.lanes.refresh();
    this.#moveToPinned();
    this.advance();
  }

  advance(): void {
    this.queue.advance();
    if (this.closing.isDraining) this.abandonExplicit();
    this.patience.watch();
  }

  abandonExplicit(): void {
    if (!this.explicit.isOpen || this.#isAbandoning) return;
    // Calls that were made before are still being started. `advance` comes back here after them.
    if (this.queue.isStarting) return;
    this.#isAbandoning = true;
    const request = writeRequest((writer) => writer.endAnyTransaction());
    const ended = (): void => {
      this.#isAbandoning = false;
    };
    this.#submit(request, undefined, noResult, { isOfClosing: true }).then(ended, ended);
  }

  /** Whether a transaction gets the lane of the calls outside of transactions. */
  get #sharesMain(): boolean {
    return this.maxConnections === 1 || this.lanes.isPinned;
  }

  // --- calls outside of transactions ------------------------------------------------------------

  /**
   * `joins`: whether the call runs in the open explicit transaction, instead of waiting for its end.
   * `begins`: whether it may begin one.
   */
  #call<T>(
    signal: CallSignal | undefined,
    start: () => T | Promise<T>,
    {
      joins,
      begins = false,
      takesTime = false,
      keep,
    }: { joins: boolean; begins?: boolean; takesTime?: boolean; keep?: () => void },
  ): Promise<T> {
    const refused = this.#refusal(signal);
    if (refused !== undefined) return Promise.reject(refused.error);
    const ready = joins ? this.#readyToJoin : this.#readyAlone;
    const call = { signal, joins, takesTime, ready, start, keep };
    const answer = this.queue.enter(begins ? this.#counted(call) : call);
    this.patience.watch();
    return answer;
  }

  /** A call that may begin the explicit transaction. It counts as coming until it starts or is cancelled. */
  #counted<T>(call: Call<T>): Call<T> {
    this.explicit.queued();
    const onCancelled = (): void => this.explicit.dequeued();
    const start = (): T | Promise<T> => {
      this.explicit.dequeued();
      return call.start();
    };
    return { ...call, start, onCancelled };
  }

  readonly #readyToJoin = (): boolean => this.#isMainReady;
  readonly #readyAlone = (): boolean => this.#isMainReady && !this.explicit.isOpen;

  get #isMainReady(): boolean {
    return this.lanes.isMainFree && !this.#isWritingOnMain && !this.#isBehindCommit;
  }

  /** Whether a call that is made now waits for a COMMIT. In an explicit transaction, it does not see what that commits. */
  get #isBehindCommit(): boolean {
    return this.#commitsBefore > 0 && !this.explicit.isOpen;
  }

  /** The reason for which a call cannot even wait, if there is one. */
  #refusal(signal: CallSignal | undefined, waits = false): { error: unknown } | undefined {
    if (this.closing.isClosed) return { error: clientClosed() };
    if (signal?.aborted) return { error: signal.reason };
    if (this.queue.size + this.lanes.pendingOnMain >= this.#maxQueue) {
      return { error: queueFull(this.#maxQueue) };
    }
    return this.suspension.resumptionFailure() ?? (waits ? undefined : this.#deadlock());
  }

  /**
   * The refusal of a call that would wait for an open transaction on the only connection of a database
   * in memory, as `@libsql/client` refuses it. The owner of the transaction is likely to have made the
   * call. A call that joins the explicit transaction does not wait.
   */
  #deadlock(): { error: unknown } | undefined {
    if (this.database.isFile || this.queue.hasBacklog || this.explicit.isComing) return undefined;
    // One whose end waits behind its own calls, or in a turn of the event loop, needs nothing of its owner.
    const isHeld = this.#beginning > 0 || [...this.transactions].some(({ isEnding }) => !isEnding);
    return isHeld ? { error: allHeld(this.maxConnections) } : undefined;
  }

  #submit<T>(
    request: RequestWriter,
    signal: CallSignal | undefined,
    value: Submission<T>["value"],
    {
      begins = false,
      isOfClosing = false,
      job,
    }: { begins?: boolean; isOfClosing?: boolean; job?: number } = {},
  ): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#started(begins);
    const ended = (outcome: Outcome): void => this.#ended(outcome, begins);
    const numbered = job === undefined ? {} : { job };
    return this.database.submit({
      transaction: 0,
      ...numbered,
      request,
      isOfClosing,
      signal,
      value,
      ended,
    });
  }

  #started(begins: boolean): void {
    this.callStarted(true);
    this.explicit.submitted(begins);
  }

  #ended(outcome: Outcome, begins: boolean): void {
    // Before waiting calls start: they may need the state of the pinned lane.
    if (this.explicit.answered(begins, outcome)) this.#moveToPinned();
    this.callEnded(true, outcome);
  }

  #begin<T>(
    transaction: OpenTransaction,
    signal: CallSignal | undefined,
    request: RequestWriter,
    value: Submission<T>["value"],
  ): Promise<T> {
    this.transactions.add(transaction);
    const wasMainFree = this.lanes.isMainFree;
    const begun = this.database.submit({
      transaction: 0,
      job: transaction.number,
      request,
      signal,
      value,
      ended: (outcome) => transaction.begun(outcome),
    });
    this.lanes.refresh();
    transaction.beginning(wasMainFree && !this.lanes.isMainFree);
    return begun.catch((error: unknown) => {
      this.release(transaction);
      throw error;
    });
  }

  /** SQLite changes to or from WAL mode only if no other connection has the file open. */
  #makeRoomFor(sql: string): void {
    if (this.lanes.hasIdle && typeof sql === "string" && /\bjournal_mode\b/i.test(sql)) {
      this.lanes.closeIdle();
    }
  }

  #moveToPinned(): void {
    // The explicit transaction is on the main lane until it ends.
    if (this.explicit.isOpen) return;
    const move = this.lanes.moveToPinned();
    if (move === undefined) return;
    // Earlier calls still run on the former main lane.
    this.queue.enterFirst({
      ready: () => move.isDone() && !this.#isWritingOnMain,
      start: () => move.finish(),
    });
  }
}
