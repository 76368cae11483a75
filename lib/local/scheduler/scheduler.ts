/**
 * Schedules the calls of one open client.
 *
 * Calls start in the order in which they are made. Those outside of transactions run on the main lane,
 * one after the other; each transaction has a lane of its own while it is open. The native side decides
 * which of the lanes may write, again in the order of the calls.
 */
import type { ResultSet, TransactionMode } from "@libsql/core/api";
import type { ShutdownOptions, ShutdownReport } from "../../../index.js";
import { allResults, noResult, onlyResult } from "../../client/results";
import type { Batch, Statement } from "../../client/statement";
import { NativeDatabase, type DatabaseOptions, type DatabaseOwner } from "../native/database";
import { nextJob } from "../native/delivery";
import { allHeld, clientClosed } from "../native/errors";
import type { RequestWriter } from "../wire/request";
import type { Outcome } from "../wire/response";
import { Batches } from "./batches";
import { CallQueue } from "./call-queue";
import { Closing, type ClosingHost } from "./closing";
import { ExplicitTransaction, mayBegin } from "./explicit-transaction";
import { Lanes } from "./lanes";
import { OpenTransaction, type TransactionHost } from "./open-transaction";
import { Patience, type PatienceHost } from "./patience";
import { Requests } from "./requests";
import { Suspension, type SuspensionHost, type SuspensionOptions } from "./suspension";

/** The opening of a client that has to wait for the suspension of a former one. */
export interface Opening {
  former: Scheduler;
  /** Throws if the client may not be opened any more. */
  check(): void;
}

/** Settles a promise. */
interface Settle {
  resolve(): void;
  reject(error: unknown): void;
}

type Hosts = TransactionHost & ClosingHost & PatienceHost & SuspensionHost & DatabaseOwner;

export class Scheduler implements Hosts {
  readonly database: NativeDatabase;
  readonly requests: Requests;
  readonly lanes: Lanes;
  readonly explicit = new ExplicitTransaction();
  readonly queue = new CallQueue(() => this.explicit.isOpen);
  readonly transactions = new Set<OpenTransaction>();
  readonly batches: Batches;
  readonly patience: Patience;
  readonly maxConnections: number;
  readonly #suspension: Suspension;
  readonly #closing: Closing;
  /** Settles the promise of a delayed opening. */
  #opening: (Settle & { promise: Promise<void> }) | undefined;
  /** The number of calls that wait to begin a transaction, but not because of a suspension. */
  #beginning = 0;
  #isWritingOnMain = false;
  /** The rollback of the explicit transaction has no answer yet. */
  #isAbandoning = false;

  /**
   * Opens the database and its first connection: at once, or after the suspension of a former client.
   * Until then calls wait, as they do in a suspended client.
   * @throws LibsqlError with SQLite's code if the file cannot be opened
   */
  constructor(options: DatabaseOptions, maxConnections: number, opening?: Opening) {
    this.database = new NativeDatabase(options, this);
    this.requests = new Requests(options.intMode, this.database.statements);
    this.maxConnections = maxConnections;
    this.lanes = new Lanes(this.database, maxConnections);
    this.batches = new Batches(
      this.requests,
      () => this.isEnded,
      () => this.advance(),
    );
    this.patience = new Patience(this, options.timeout);
    this.#suspension = new Suspension(this);
    this.#closing = new Closing(this, opening?.former);
    if (opening === undefined) this.database.open();
    else this.#openAfter(opening);
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
  execute(statement: Statement, signal: AbortSignal | undefined): Promise<ResultSet> {
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
    const submit = (request: RequestWriter): Promise<ResultSet[]> =>
      this.#submit(request, signal, allResults);
    const setWriting = (isWriting: boolean): void => {
      this.#isWritingOnMain = isWriting;
      if (!isWriting) this.advance();
    };
    const start = (): Promise<ResultSet[]> => this.batches.run(batch, signal, submit, setWriting);
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
   * Begins a transaction, on a lane of its own if there can be one. It begins after the calls that were
   * made before it, so that it sees their changes.
   */
  begin(mode: TransactionMode, signal: AbortSignal | undefined): Promise<OpenTransaction> {
    const refused = this.#refusal(signal);
    if (refused !== undefined) return Promise.reject(refused.error);
    // Calls that wait because of a suspension do not count against the client's connections.
    const counts = this.suspension === undefined && !this.queue.hasBacklog ? 1 : 0;
    this.#beginning += counts;
    const begun = this.queue.enter({
      signal,
      begins: true,
      ready: () =>
        this.lanes.isMainDone &&
        !this.#isWritingOnMain &&
        this.lanes.hasOneForTransaction(!this.explicit.isOpen),
      start: () => {
        this.#beginning -= counts;
        return this.#begin(mode, signal);
      },
      onCancelled: () => (this.#beginning -= counts),
    });
    this.patience.watch();
    return begun;
  }

  /** Implements `ConnectionPool.whileSuspended`. */
  whileSuspended<T>(action: (file: string) => Promise<T>, options: SuspensionOptions): Promise<T> {
    return this.#suspension.run(action, options);
  }

  // --- the opening and the end ------------------------------------------------------------------

  /** The delayed opening, until it has succeeded; rejected if the client was closed before. */
  get opening(): Promise<void> | undefined {
    return this.#opening?.promise;
  }

  /** Resolves with the latest suspension, whether it waits or runs; undefined if there is none. */
  get suspension(): Promise<void> | undefined {
    return this.#suspension.latest;
  }

  /** Whether the client was closed, or is being closed. */
  get isClosed(): boolean {
    return this.#closing.isClosed;
  }

  get isEnded(): boolean {
    return this.#closing.isEnded;
  }

  get wasClosedFromOutside(): boolean {
    return this.#closing.wasClosedFromOutside;
  }

  close(): void {
    this.#closing.close();
  }

  shutDown(options: Required<ShutdownOptions>): Promise<ShutdownReport> {
    return this.#closing.shutDown(options);
  }

  shutDownFromOutside(options: Required<ShutdownOptions>): Promise<ShutdownReport> {
    return this.#closing.shutDownFromOutside(options);
  }

  onEnded(reason: unknown): void {
    this.patience.stop();
    this.#opening?.reject(reason);
  }

  #openAfter({ former, check }: Opening): void {
    let settle!: Settle;
    const promise = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
    this.#opening = { promise, ...settle };
    this.database.takePlaceOf(former.database);
    this.queue.hold();
    const open = async (): Promise<void> => {
      while (former.suspension !== undefined) await former.suspension;
      await this.#closing.closeFormer();
      if (this.isEnded) return;
      check();
      this.database.open();
      this.queue.release();
      this.advance();
      if (this.isClosed) settle.reject(clientClosed());
      else settle.resolve();
      this.#opening = undefined;
    };
    this.#suspension.track(open().catch((error: unknown) => this.#closing.fail(error)));
  }

  // --- the host of transactions and suspensions -------------------------------------------------

  get isIdle(): boolean {
    return this.openTransactions === 0 && !this.batches.areWriting && this.lanes.areDone;
  }

  get openTransactions(): number {
    return this.transactions.size + Number(this.explicit.isOpen);
  }

  callStarted(lane: number): void {
    this.lanes.begin(lane);
  }

  callEnded(lane: number, outcome: Outcome): void {
    this.lanes.end(lane);
    if (outcome.pinned) {
      this.lanes.pin(lane);
      this.#moveToPinned();
    }
    this.advance();
  }

  release(transaction: OpenTransaction): void {
    if (!this.transactions.delete(transaction)) return;
    this.lanes.giveBack(transaction.lane);
    this.#moveToPinned();
    this.advance();
  }

  /** Starts the calls that can start, after something has changed. */
  advance(): void {
    this.queue.advance();
    if (this.#closing.isDraining) this.abandonExplicit();
    this.patience.watch();
  }

  abandonExplicit(): void {
    if (!this.explicit.isOpen || this.#isAbandoning) return;
    this.#isAbandoning = true;
    const request = this.requests.endAnyTransaction();
    const ended = (): void => {
      this.#isAbandoning = false;
    };
    this.#submit(request, undefined, noResult, { isOfClosing: true }).then(ended, ended);
  }

  // --- calls outside of transactions ------------------------------------------------------------

  /**
   * `joins`: whether the call runs in the open explicit transaction, instead of waiting for its end.
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
      this.lanes.main !== undefined && !this.#isWritingOnMain && (joins || !this.explicit.isOpen);
    if (begins) this.explicit.queued();
    const dequeued = (): void => {
      if (begins) this.explicit.dequeued();
    };
    const startNow = (): Promise<T> => {
      dequeued();
      return start();
    };
    const answer = this.queue.enter({
      signal,
      joins,
      ready,
      start: startNow,
      onCancelled: dequeued,
    });
    this.patience.watch();
    return answer;
  }

  /** The reason for which a call cannot even wait, if there is one. */
  #refusal(signal: AbortSignal | undefined): { error: unknown } | undefined {
    if (this.isClosed) return { error: clientClosed() };
    if (signal?.aborted) return { error: signal.reason };
    // Behind a suspension's backlog, calls wait however many there are. A call that joins the explicit
    // transaction needs no further connection, and may end the wait of others.
    const waits = this.queue.hasBacklog || this.explicit.isComing;
    const held = waits ? 0 : this.transactions.size + this.#beginning;
    if (held >= this.maxConnections) return { error: allHeld(this.maxConnections) };
    return this.#suspension.resumptionFailure();
  }

  #submit<T>(
    request: RequestWriter,
    signal: AbortSignal | undefined,
    value: (results: ResultSet[]) => T,
    { begins = false, isOfClosing = false } = {},
  ): Promise<T> {
    const lane = this.lanes.main;
    if (lane === undefined) return Promise.reject(clientClosed());
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.callStarted(lane);
    this.explicit.submitted(begins);
    const ended = (outcome: Outcome): void => {
      // Before waiting calls start: they may need the state of the pinned lane.
      if (this.explicit.answered(begins, outcome)) this.#moveToPinned();
      this.callEnded(lane, outcome);
    };
    const submission = { lane, transaction: 0, request, isOfClosing, signal, value, ended };
    return this.database.submit(submission);
  }

  #begin(mode: TransactionMode, signal: AbortSignal | undefined): Promise<OpenTransaction> {
    const lane = this.lanes.takeForTransaction();
    if (lane === undefined) return Promise.reject(clientClosed());
    const transaction = new OpenTransaction(this, lane, nextJob());
    this.transactions.add(transaction);
    this.callStarted(lane);
    const begun = this.database.submit({
      lane,
      transaction: 0,
      job: transaction.number,
      request: this.requests.begin(mode),
      signal,
      value: () => transaction,
      ended: (outcome) => {
        transaction.begun();
        this.callEnded(lane, outcome);
      },
    });
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
