/**
 * Who of a client's calls goes first, from its opening to its end.
 *
 * Calls start in the order in which they are made. Those outside of transactions run on the main
 * lane, one after the other; each transaction has a lane of its own while it is open. Who may write
 * is decided on the native side (src/write_line.rs), again in the order of the calls.
 */
import { performance } from "node:perf_hooks";
import type { ResultSet, TransactionMode } from "@libsql/core/api";
import type { ShutdownOptions, ShutdownReport } from "../../index.js";
import type { Closed } from "../native/closing";
import { NativeDatabase, type DatabaseOptions } from "../native/database";
import { nextJob } from "../native/delivery";
import {
  allHeld,
  clientClosed,
  hasConnectionState,
  heldByExplicitTransaction,
  heldByOwnTransaction,
  notAFile,
  stillActive,
} from "../native/errors";
import type { RequestWriter, StatementToWrite } from "../wire/request";
import type { Outcome } from "../wire/response";
import { clearTimeout, LONGEST_MS, setTimeout } from "../timers";
import { CallLine, type WaitingCall } from "./call-line";
import type { Calls } from "./calls";
import { ExplicitTransaction, mayBegin } from "./explicit-transaction";
import { Lanes } from "./lanes";
import { OpenTransaction, type TransactionHost } from "./open-transaction";
import { Requests, type Batch } from "./requests";
import { allResults, noResult, onlyResult } from "./results";
import { SuspensionWait, type SuspensionOptions } from "./suspension";

/** How long a call waits for an idle transaction of its own client where no `timeout` is set. */
const DEFAULT_OWN_PATIENCE_MS = 5000;

/** See the module's own text. */
export class Scheduler implements TransactionHost, Calls {
  readonly database: NativeDatabase;
  readonly requests: Requests;
  readonly #maxConnections: number;
  readonly #patienceMs: number;
  #lanes: Lanes;
  readonly #explicit = new ExplicitTransaction();
  readonly #line = new CallLine(() => this.#explicit.isOpen);
  readonly #transactions = new Set<OpenTransaction>();
  /** How many wait to begin, and not because of a suspension. */
  #beginning = 0;
  /** Long batches that are being written, in transactions or outside. */
  readonly #writing = new Set<Promise<unknown>>();
  /** How many of them have not gone to their lanes. */
  #unsent = 0;
  #isWritingOnMain = false;
  #closing = false;
  /** What close() did, once it was called. */
  #closed: Closed | undefined;
  #shutdown: Promise<ShutdownReport> | undefined;
  #isShutDown = false;
  /** What was called before is let finish. */
  #isDraining = false;
  /** The rollback of the explicit transaction has no answer yet. */
  #isAbandoning = false;
  #wasClosedFromOutside = false;
  /** What never started has been ended. */
  #hasForgotten = false;
  /** Ends the draining, at the limits that further callers of shutDown() have set. */
  readonly #limits = new Set<NodeJS.Timeout>();
  #endHandingOver: (() => void) | undefined;
  #patience: NodeJS.Timeout | undefined;
  /** Settles with the latest suspension, its wait included. */
  #suspension: Promise<void> | undefined;
  /** Opening again has failed: the next call tries it anew. */
  #isToBeResumed = false;

  /**
   * Opens the database and its first connection.
   * @throws LibsqlError with SQLite's code where the file cannot be opened
   */
  constructor(options: DatabaseOptions, maxConnections: number) {
    this.database = new NativeDatabase(options, this);
    this.requests = new Requests(options.intMode, this.database.statements);
    this.#maxConnections = maxConnections;
    this.#lanes = new Lanes(this.database, maxConnections);
    this.#patienceMs = Math.min(options.timeout || DEFAULT_OWN_PATIENCE_MS, LONGEST_MS);
  }

  /**
   * Whether a call outside of transactions can be made.
   * @throws LibsqlError CLIENT_CLOSED, TRANSACTION_ACTIVE
   */
  check(): void {
    const refused = this.#refusal(undefined);
    if (refused !== undefined) throw refused.error;
  }

  /** Runs one statement outside of transactions. */
  execute(statement: StatementToWrite, signal: AbortSignal | undefined): Promise<ResultSet> {
    const begins = mayBegin(statement.sql);
    const start = (): Promise<ResultSet> => {
      this.#makeRoomFor(statement.sql);
      const request = this.requests.statement(statement);
      return this.#submit(request, signal, onlyResult, { begins });
    };
    return this.#call(signal, start, { joins: true, begins });
  }

  /** Runs a batch in a transaction of its own. */
  batch(batch: Batch, signal: AbortSignal | undefined): Promise<ResultSet[]> {
    const start = (): Promise<ResultSet[]> => {
      const submit = (request: RequestWriter): Promise<ResultSet[]> =>
        this.#submit(request, signal, allResults);
      if (this.requests.isShort(batch)) return submit(this.requests.shortBatch(batch));
      this.#isWritingOnMain = true;
      const written = this.writeLong(batch, signal, submit).finally(() => {
        this.#isWritingOnMain = false;
        this.#advance();
      });
      return written.then(({ answer }) => answer);
    };
    return this.#call(signal, start, { joins: false });
  }

  /** Runs a text of several statements. */
  executeMultiple(sql: string, signal: AbortSignal | undefined): Promise<void> {
    const start = (): Promise<void> => {
      this.#makeRoomFor(sql);
      return this.#submit(this.requests.script(sql), signal, noResult);
    };
    return this.#call(signal, start, { joins: true });
  }

  /**
   * Begins a transaction, on a lane of its own where there can be one. It begins behind the calls
   * that were made before it: it sees what they wrote.
   */
  begin(mode: TransactionMode, signal: AbortSignal | undefined): Promise<OpenTransaction> {
    const refused = this.#refusal(signal);
    if (refused !== undefined) return Promise.reject(refused.error);
    // Who waits because of a suspension keeps nobody from calling.
    const counts = this.#suspension === undefined && !this.#line.isBehind ? 1 : 0;
    this.#beginning += counts;
    const begun = this.#line.enter({
      signal,
      begins: true,
      ready: () =>
        this.#lanes.isMainDone &&
        !this.#isWritingOnMain &&
        this.#lanes.hasOneForTransaction(!this.#explicit.isOpen),
      start: () => {
        this.#beginning -= counts;
        return this.#begin(mode, signal);
      },
      gaveUp: () => (this.#beginning -= counts),
    });
    this.#watchPatience();
    return begun;
  }

  /**
   * Lets those in who have waited for the opening: they start in their order, and nobody is refused for
   * their number.
   */
  admit(enter: () => void): void {
    this.#line.hold();
    enter();
    this.#line.letGo();
    this.#advance();
  }

  // --- the host of transactions -----------------------------------------------------------------

  begins(lane: number): void {
    this.#lanes.begin(lane);
  }

  ends(lane: number, outcome: Outcome): void {
    this.#lanes.end(lane);
    if (outcome.tied) {
      this.#lanes.tie(lane);
      this.#moveToTied();
    }
    this.#advance();
  }

  release(transaction: OpenTransaction): void {
    if (!this.#transactions.delete(transaction)) return;
    this.#lanes.giveBack(transaction.lane);
    this.#moveToTied();
    this.#advance();
  }

  writeLong<T>(
    batch: Batch,
    signal: AbortSignal | undefined,
    submit: (request: RequestWriter) => Promise<T>,
  ): Promise<{ answer: Promise<T> }> {
    let isUnsent = true;
    const sent = (): void => {
      if (isUnsent) this.#unsent--;
      isUnsent = false;
    };
    const goOn = (): void => {
      signal?.throwIfAborted();
      if (this.#hasForgotten) throw clientClosed();
    };
    this.#unsent++;
    const written = this.requests.longBatch(batch, goOn, (request) => {
      sent();
      return submit(request);
    });
    const forget = (): void => {
      sent();
      this.#writing.delete(noted);
      this.#advance();
    };
    // Whoever made the call hears of its failing.
    const noted = written.then(forget, forget);
    this.#writing.add(noted);
    return written;
  }

  // --- suspending -------------------------------------------------------------------------------

  /** Settles with the latest suspension, whether it waits or runs; undefined where there is none. */
  get suspension(): Promise<void> | undefined {
    return this.#suspension;
  }

  /** See {@link ConnectionPool.whileSuspended}. */
  whileSuspended<T>(action: (file: string) => Promise<T>, options: SuspensionOptions): Promise<T> {
    const refused = this.#suspensionRefusal(options.signal);
    if (refused !== undefined) return Promise.reject(refused.error);
    const wait = new SuspensionWait(options, this.#suspension, () =>
      stillActive(this.#transactions.size + Number(this.#explicit.isOpen), options.timeoutMs),
    );
    const ended = this.#line.enter({
      signal: wait.signal,
      suspends: true,
      // Where it has to be refused in the end, it is refused at once.
      ready: () => this.#lanes.tied !== undefined || this.#isIdle,
      start: () => {
        wait.end();
        return this.#suspend(action);
      },
      gaveUp: () => {
        wait.end();
        // Whoever stood behind it has had nobody to watch.
        this.#watchPatience();
      },
    });
    const settle = (): void => {
      if (this.#suspension === settled) this.#suspension = undefined;
    };
    const settled = ended.then(settle, settle);
    this.#suspension = settled;
    return ended;
  }

  #suspensionRefusal(signal: AbortSignal | undefined): { error: unknown } | undefined {
    if (this.#closing) return { error: clientClosed() };
    if (signal?.aborted) return { error: signal.reason };
    if (!this.database.isFile) return { error: notAFile() };
    if (this.#lanes.tied !== undefined) return { error: hasConnectionState() };
    return this.#resumptionFailure();
  }

  /** Whether nothing runs and no transaction is open. */
  get #isIdle(): boolean {
    const isInTransaction = this.#transactions.size > 0 || this.#explicit.isOpen;
    return !isInTransaction && this.#writing.size === 0 && this.#lanes.areDone;
  }

  async #suspend<T>(action: (file: string) => Promise<T>): Promise<T> {
    if (this.#lanes.tied !== undefined) throw hasConnectionState();
    this.#line.hold();
    try {
      await this.database.suspend();
      // Closed meanwhile: nothing has been done yet, and nothing is.
      if (this.#hasForgotten) throw clientClosed();
      return await action(this.database.path);
    } finally {
      if (!this.#hasForgotten) this.#goOn();
    }
  }

  /** Opens again and lets those go on who have waited. */
  #goOn(): void {
    try {
      this.#resume();
    } catch (error) {
      this.#isToBeResumed = true;
      this.#line.fail(error);
    }
    this.#line.letGo();
    this.#advance();
  }

  #resume(): void {
    this.database.resume();
    this.#lanes = new Lanes(this.database, this.#maxConnections);
    this.#isToBeResumed = false;
  }

  /** Tries again to open where that has failed; says why it cannot be. */
  #resumptionFailure(): { error: unknown } | undefined {
    if (!this.#isToBeResumed) return undefined;
    try {
      this.#resume();
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  // --- the end ----------------------------------------------------------------------------------

  /** Whether it was closed, or is being closed. */
  get isClosed(): boolean {
    return this.#closing;
  }

  /** Closes everything: when this returns, nothing of the database is left. Idempotent. */
  close(): void {
    if (this.#closed !== undefined) return;
    this.#closing = true;
    this.#closed = { walLeft: false, connections: 0, cancelled: 0, steps: [] };
    try {
      this.#closed = this.database.close();
    } finally {
      this.#closed.cancelled += this.#forgetCalls();
      this.#endHandingOver?.();
    }
  }

  /**
   * Closes everything on another thread. With `drain`, what was called before is let finish first,
   * `timeoutMs` at most; what waits to begin a transaction is not, for nobody could go on with it.
   * Callers at the same time share one closing; the earliest of their limits counts.
   */
  shutDown({ drain, timeoutMs }: Required<ShutdownOptions>): Promise<ShutdownReport> {
    if (this.#shutdown === undefined) {
      this.#shutdown = this.#shutDown(drain, timeoutMs);
      this.#shutdown.finally(() => this.#forgetLimits()).catch(() => undefined);
    } else if (this.#isShutDown) {
      return this.#shutdown;
    } else if (drain) {
      this.#limits.add(setTimeout(() => this.#hurry(), timeoutMs));
    } else {
      this.#hurry();
    }
    return this.#shutdown;
  }

  /** The same for somebody who has not got the client: shutdownAll(), or the host of the thread. */
  shutDownFromOutside(options: Required<ShutdownOptions>): Promise<ShutdownReport> {
    if (this.#closed === undefined && !this.#isShutDown) this.#wasClosedFromOutside = true;
    return this.shutDown(options);
  }

  /** Whether somebody who has not got the client has closed it, or had a hand in that. */
  get wasClosedFromOutside(): boolean {
    return this.#wasClosedFromOutside;
  }

  async #shutDown(drain: boolean, timeoutMs: number): Promise<ShutdownReport> {
    const began = performance.now();
    const answeredBefore = this.database.answered;
    const { cancelled, ...closed } = this.#closed ?? (await this.#finish(drain, began, timeoutMs));
    return {
      path: this.database.path,
      drained: this.database.answered - answeredBefore,
      cancelled,
      ...closed,
      ms: performance.now() - began,
    };
  }

  async #finish(drain: boolean, began: number, timeoutMs: number): Promise<Closed> {
    this.#closing = true;
    let forgotten = 0;
    const deadline = began + timeoutMs;
    if (drain) {
      forgotten += this.#line.fail(clientClosed(), (call) => call.begins);
      // Those who wait for a transaction get their turn.
      for (const transaction of this.#transactions) transaction.abandon();
      this.#isDraining = true;
      this.#abandonExplicit();
      await this.#allHandedOver(deadline);
    }
    const now = performance.now();
    if (this.#closed !== undefined) {
      // close() was called meanwhile. Its answers are on their way.
      const { steps, cancelled, ...closed } = this.#closed;
      await this.database.settled();
      const drained = { step: "drain", ms: now - began } as const;
      return { ...closed, cancelled: cancelled + forgotten, steps: [drained, ...steps] };
    }
    const closing = this.database.shutDown({
      drain,
      timeoutMs: Math.max(0, deadline - now),
      drainedBeforeMs: now - began,
    });
    forgotten += this.#forgetCalls();
    const closed = await closing;
    return { ...closed, cancelled: closed.cancelled + forgotten };
  }

  /** Waits until every call has gone to its lane and no suspension is left, or the time is over. */
  async #allHandedOver(deadline: number): Promise<void> {
    if (this.#isHandedOver) return;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      this.#endHandingOver = resolve;
      timer = setTimeout(resolve, deadline - performance.now());
    });
    const handedOver = (async () => {
      while (!this.#isHandedOver) {
        await Promise.all(this.#writing);
        await this.#line.emptied();
        await this.#suspension;
      }
    })();
    await Promise.race([handedOver, over]);
    clearTimeout(timer);
  }

  get #isHandedOver(): boolean {
    return (
      this.#writing.size === 0 && this.#line.first === undefined && this.#suspension === undefined
    );
  }

  /** Ends the draining, wherever it is. */
  #hurry(): void {
    this.database.hurry();
    this.#endHandingOver?.();
  }

  #forgetLimits(): void {
    this.#isShutDown = true;
    for (const limit of this.#limits) clearTimeout(limit);
    this.#limits.clear();
  }

  /** After the gate is shut: ends what never started. Returns how many calls. */
  #forgetCalls(): number {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    let forgotten = this.#hasForgotten ? 0 : this.#unsent;
    this.#hasForgotten = true;
    forgotten += this.#line.fail(clientClosed());
    for (const transaction of this.#transactions) forgotten += transaction.forget(clientClosed());
    this.#transactions.clear();
    return forgotten;
  }

  // --- calls outside of transactions ------------------------------------------------------------

  /**
   * `joins`: whether the call runs in the explicit transaction that is open, or waits for its end.
   * `begins`: whether it may begin one.
   */
  #call<T>(
    signal: AbortSignal | undefined,
    start: () => Promise<T>,
    { joins, begins = false }: { joins: boolean; begins?: boolean },
  ): Promise<T> {
    const refused = this.#refusal(signal);
    if (refused !== undefined) return Promise.reject(refused.error);
    const ready = (): boolean =>
      this.#lanes.main !== undefined && !this.#isWritingOnMain && (joins || !this.#explicit.isOpen);
    if (begins) this.#explicit.callMade();
    const left = (): void => {
      if (begins) this.#explicit.callLeft();
    };
    const startNow = (): Promise<T> => {
      left();
      return start();
    };
    const answer = this.#line.enter({ signal, joins, ready, start: startNow, gaveUp: left });
    this.#watchPatience();
    return answer;
  }

  /** Why a call cannot even wait, if so. */
  #refusal(signal: AbortSignal | undefined): { error: unknown } | undefined {
    if (this.#closing) return { error: clientClosed() };
    if (signal?.aborted) return { error: signal.reason };
    // A call behind those that a suspension has held up waits like them. What joins the explicit
    // transaction needs no further connection, and ends the wait of those that do.
    const waits = this.#line.isBehind || this.#explicit.isComing;
    const held = waits ? 0 : this.#transactions.size + this.#beginning;
    if (held >= this.#maxConnections) return { error: allHeld(this.#maxConnections) };
    return this.#resumptionFailure();
  }

  #advance(): void {
    this.#line.advance();
    if (this.#isDraining) this.#abandonExplicit();
    this.#watchPatience();
  }

  #submit<T>(
    request: RequestWriter,
    signal: AbortSignal | undefined,
    value: (results: ResultSet[]) => T,
    { begins = false, isOfClosing = false } = {},
  ): Promise<T> {
    const lane = this.#lanes.main;
    if (lane === undefined) return Promise.reject(clientClosed());
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.begins(lane);
    this.#explicit.callStarted(begins);
    const ended = (outcome: Outcome): void => {
      // Before those in line start: they may need what the tied lane has.
      if (this.#explicit.callEnded(begins, outcome)) this.#moveToTied();
      this.ends(lane, outcome);
    };
    const submission = { lane, transaction: 0, request, isOfClosing, signal, value, ended };
    return this.database.submit(submission);
  }

  /** Nobody can go on with it: rolls back behind what the client was called for. */
  #abandonExplicit(): void {
    if (!this.#explicit.isOpen || this.#isAbandoning) return;
    this.#isAbandoning = true;
    const request = this.requests.endAnyTransaction();
    const ended = (): void => {
      this.#isAbandoning = false;
    };
    this.#submit(request, undefined, noResult, { isOfClosing: true }).then(ended, ended);
  }

  #begin(mode: TransactionMode, signal: AbortSignal | undefined): Promise<OpenTransaction> {
    const lane = this.#lanes.takeForTransaction();
    if (lane === undefined) return Promise.reject(clientClosed());
    const transaction = new OpenTransaction(this, lane, nextJob());
    this.#transactions.add(transaction);
    this.begins(lane);
    const begun = this.database.submit({
      lane,
      transaction: 0,
      job: transaction.number,
      request: this.requests.begin(mode),
      signal,
      value: () => transaction,
      ended: (outcome) => {
        transaction.begun();
        this.ends(lane, outcome);
      },
    });
    return begun.catch((error: unknown) => {
      this.release(transaction);
      throw error;
    });
  }

  /** SQLite leaves or enters WAL only where no other connection has the file open. */
  #makeRoomFor(sql: string): void {
    if (this.#lanes.hasIdle && typeof sql === "string" && /\bjournal_mode\b/i.test(sql)) {
      this.#lanes.closeIdle();
    }
  }

  #moveToTied(): void {
    // Its calls run on the main lane to its end.
    if (this.#explicit.isOpen) return;
    const move = this.#lanes.moveToTied();
    if (move === undefined) return;
    // What was called before still runs on the former lane.
    this.#line.enterFirst({
      begins: false,
      suspends: false,
      isOfClosing: true,
      joins: false,
      since: performance.now(),
      ready: () => move.isDone() && !this.#isWritingOnMain,
      start: () => move.finish(),
      fail: () => undefined,
    });
  }

  /**
   * A call that waits for a lane, while the transactions that hold it are idle, may wait because its
   * own caller does not go on: after the client's patience it ends in an error.
   */
  #watchPatience(): void {
    const { first } = this.#line;
    if (first === undefined || first.suspends || this.#patience !== undefined) return;
    const holders = this.#holders(first);
    if (holders.length === 0) return;
    // Since its call: whoever stands behind others is as patient as they are.
    const idleFor = (): number => Math.min(...holders.map((holder) => holder.idleFor(first.since)));
    const lookLater = (): void => {
      this.#patience = setTimeout(look, Math.max(0, this.#patienceMs - idleFor()));
    };
    const look = (): void => {
      this.#patience = undefined;
      if (this.#line.first === first && holders.every(({ isOpen }) => isOpen)) {
        if (idleFor() < this.#patienceMs) return lookLater();
        this.#line.fail(this.#heldTooLong(first), (call) => call === first);
        this.#line.advance();
      }
      this.#watchPatience();
    };
    lookLater();
  }

  /** The transactions of which one has to end before any call that waits can have a lane. */
  #holders(first: WaitingCall): Array<OpenTransaction | ExplicitTransaction> {
    const { main, tied } = this.#lanes;
    if (this.#explicit.isOpen) {
      return first.begins ? [this.#explicit, ...this.#transactions] : [this.#explicit];
    }
    if (tied !== undefined) return [...this.#transactions].filter(({ lane }) => lane === tied);
    // Without a main lane, they have them all: a suspension has let so many calls gather.
    return main === undefined ? [...this.#transactions] : [];
  }

  #heldTooLong(first: WaitingCall): Error {
    if (this.#explicit.isOpen && !first.begins) return heldByExplicitTransaction(this.#patienceMs);
    return this.#lanes.tied === undefined
      ? allHeld(this.#maxConnections)
      : heldByOwnTransaction(this.#patienceMs);
  }
}
