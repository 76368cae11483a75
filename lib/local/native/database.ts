/** One database in the addon, which knows it by a number. */
import { performance } from "node:perf_hooks";
import type { IntMode, ResultSet } from "@libsql/core/api";
import { Submitted, type LaneMove, type RareOptions } from "../../addon/binding.js";
import type {
  Checkpoints,
  ClientStats,
  Execution,
  RowMode,
  ShutdownOptions,
  ShutdownReport,
} from "../../../index.js";
import { addon } from "../../addon/addon";
import type { CallSignal } from "../../client/call-signal";
import type { Failure } from "../../client/failure";
import { currentTrace, type Trace } from "../../client/tracing";
import { onlyResult } from "../../client/results";
import { registerForExit, unregisterForExit, type ClosedAtExit } from "../../client/exit";
import { absolutePath } from "./paths";
import { RecordKind } from "../wire/kinds";
import { keepingAnswer, type RequestWriter } from "../wire/request";
import { readRecords, RecordReader, type Outcome } from "../wire/response";
import { flatLimits, type LocalOptions } from "../../client/local-options";
import type { Converters } from "../../client/converters";
import type { Shape } from "../../client/rows/rows";
import { ClosingAnswer, ClosingRecords, nothingClosed, type Closed } from "./closing-answer";
import { attach, detachSoon, expect, nextJob, readAnswer } from "./delivery";
import { clientClosed, failureOf, neverOpened, unknownRecord } from "./errors";
import { JobAnswer, type Submission } from "./job-answer";
import { closeAll, enter, leave, releaseShared } from "./open-databases";
import { resultInPlace } from "./result-in-place";
import { StatementNumbers } from "./statements";
import { ran } from "./turn";

/** How a database is opened. */
export interface DatabaseOptions extends LocalOptions {
  /** The path of a file, or SQLite's URI of an in-memory database. */
  location: string;
  inMemory: boolean;
  /** The `timeout` setting in ms. */
  timeout: number | undefined;
  intMode: IntMode;
  rowMode: RowMode;
  /** Whether calls may run on this thread. */
  execution: Execution;
  /** How many of its connections only read. A database that is not a file has none. */
  readers: number;
  /** Whether writes that wait behind each other are committed together. */
  groupCommit: boolean;
  /** What makes checkpoints. */
  checkpoints: Checkpoints;
  /** Whether vector indexes that libSQL has made are taken over. */
  adoptVectorIndexes: boolean;
  /** How long a statement may run, in ms. */
  queryTimeout: number | undefined;
}

/** The owner closes the database, which references it weakly. */
export interface DatabaseOwner {
  shutdownFromOutside(options: Required<ShutdownOptions>): Promise<ShutdownReport>;
}

/** What makes calls of single statements, and learns how they go. */
export interface Caller {
  /** The job that began the transaction of its calls, or 0. */
  readonly transaction: number;
  /** A call has run on this thread. */
  ranInPlace(): void;
  /** A call is queued. */
  started(): void;
  /** A queued call has its answer. */
  ended(outcome: Outcome): void;
}

/** How long a closing lets queued calls finish. */
interface Draining {
  drain: boolean;
  timeoutMs: number;
  /** The time that was spent draining before. */
  drainedBeforeMs: number;
}

/** Whether the answers of calls tell where and how long the calls have run. */
let areTimesTold = false;

/** Lets the addon tell them from the next call on. */
function tellTimes(): void {
  if (areTimesTold) return;
  areTimesTold = true;
  addon.traceCalls();
}

const AT_ONCE: Draining = { drain: false, timeoutMs: 0, drainedBeforeMs: 0 };

/**
 * Closes a database whose client was garbage collected without having been closed. Garbage collection
 * may come late or never, so that nothing may rely on this.
 */
const forgotten = new FinalizationRegistry<NativeDatabase>((database) => {
  // Nobody can be told of a failure.
  database.closeInBackground(AT_ONCE).catch(() => undefined);
});

/** Room for the records of a closing. Undefined while one is being read, whose subscribers may close more. */
let room: ClosingRecords | undefined;

/** Closes a database in the addon, on this thread, and reads the records of the closing. */
function closeIn(attachment: number, number: number, closing?: ClosingAnswer): void {
  const records = room ?? new ClosingRecords();
  room = undefined;
  const answer = addon.closeDatabase(attachment, number, records.buffer);
  if (typeof answer === "object") closing?.takeAll(new RecordReader(answer));
  else if (answer) closing?.takeAll(records.read());
  room = records;
}

/** The options that few databases have; undefined without one. */
function rareOptions(options: DatabaseOptions): RareOptions | undefined {
  const { fileMustExist, strict, limits, data, queryTimeout, rowMode } = options;
  const tables = rowMode === "expand";
  const isUsual =
    !fileMustExist && !strict && !tables && limits === undefined && data === undefined;
  if (isUsual && queryTimeout === undefined) return undefined;
  return {
    mustExist: fileMustExist,
    strict,
    tables,
    limits: flatLimits(limits),
    ...(data === undefined ? {} : { data }),
    ...(queryTimeout === undefined ? {} : { queryTimeout }),
  };
}

export class NativeDatabase implements ClosedAtExit {
  /** The absolute path of its file; SQLite's URI of a database in memory; empty for a temporary one. */
  readonly path: string;
  readonly isFile: boolean;
  readonly intMode: IntMode;
  readonly rowMode: RowMode;
  readonly converters: Converters | undefined;
  readonly statements: StatementNumbers;
  /** The columns of results, by the number that the addon has given them. */
  readonly shapes = new Map<number, Shape>();
  readonly closeAtExit = closeAll;
  /** The number of calls that were answered, without those that a closing has cancelled. */
  answered = 0;
  /** The number of calls that have run on this thread, and that were queued for another. */
  readonly calls = { inPlace: 0, onThread: 0 };
  /** Whether calls may run on this thread. */
  readonly runsInPlace: boolean;
  #unanswered = 0;
  #onSettled: (() => void) | undefined;
  readonly #options: DatabaseOptions;
  readonly #connections: number;
  readonly #owner: WeakRef<DatabaseOwner>;
  #state: "unopened" | "open" | "closed" = "unopened";
  #attachment = 0;
  #number = 0;
  /** Settles once the connections are closed; defined while the database is suspended. */
  #suspension: Promise<void> | undefined;
  /** The closing on a thread of its own, once that has begun. */
  #closing: Promise<Closed> | undefined;

  /** @param connections how many connections it may have at once */
  constructor(options: DatabaseOptions, connections: number, owner: DatabaseOwner) {
    this.#options = options;
    this.#connections = connections;
    this.#owner = new WeakRef(owner);
    this.isFile = !options.inMemory && options.location !== "";
    this.path = this.isFile ? absolutePath(options.location) : options.location;
    this.intMode = options.intMode;
    this.rowMode = options.rowMode;
    this.converters = options.converters;
    this.runsInPlace = options.execution === "auto";
    this.statements = new StatementNumbers(
      (id, sql) => addon.defineStatement(this.#attachment, this.#number, id, sql),
      (id) => addon.forgetStatement(this.#attachment, this.#number, id),
    );
  }

  /** The addon's number of the database. */
  get number(): number {
    return this.#number;
  }

  /**
   * Opens the database and its first connection.
   * @throws Failure with SQLite's code if the file cannot be opened
   */
  open(): void {
    const { location, inMemory, timeout, intMode, readers, readOnly } = this.#options;
    const { groupCommit, checkpoints, adoptVectorIndexes } = this.#options;
    const attachment = attach();
    const opened = addon.openDatabase(
      attachment,
      location,
      inMemory,
      timeout ?? 0,
      intMode === "number",
      readOnly,
      this.#connections,
      readers,
      groupCommit,
      checkpoints === "background",
      adoptVectorIndexes,
      rareOptions(this.#options),
    );
    if (typeof opened !== "number") {
      detachSoon();
      throw failureIn(opened);
    }
    this.#attachment = attachment;
    this.#number = opened;
    this.#state = "open";
    enter(this);
    registerForExit(this);
    const owner = this.#owner.deref();
    if (owner !== undefined) forgotten.register(owner, this, this);
  }

  /**
   * Registers this database, which is not open yet, in place of one that is suspended: `shutdownAll()`
   * then shuts down the owner of this one, which closes the other.
   */
  takePlaceOf(suspended: NativeDatabase): void {
    registerForExit(this);
    unregisterForExit(suspended);
  }

  /**
   * Runs the request of a single statement on this thread, if the addon finds that it may, or queues it. The
   * addon knows whether calls that were made before on the same lane have to come first.
   * @returns its result if it has run on this thread, else the promise of it
   */
  execute(
    request: RequestWriter,
    signal: CallSignal | undefined,
    caller: Caller,
  ): ResultSet | Promise<ResultSet> {
    const job = nextJob();
    const trace = currentTrace();
    if (trace !== undefined) tellTimes();
    trace?.begins("in place");
    const submitted = this.#submit(job, caller.transaction, request, true);
    if (submitted === Submitted.Answered) {
      this.calls.inPlace++;
      ran();
      const result = this.#readingInPlace(() =>
        resultInPlace(request.answer(), this, caller.transaction !== 0, request.options?.[0]),
      );
      trace?.ended();
      if (result !== undefined) {
        this.answered++;
        this.statements.used();
        caller.ranInPlace();
        return result;
      }
    } else {
      trace?.wasRefused();
    }
    caller.started();
    const ended = (outcome: Outcome): void => caller.ended(outcome);
    const { transaction } = caller;
    const submission = { transaction, request, signal, value: onlyResult, ended };
    return this.#answer(job, submitted, submission);
  }

  /** Queues a request and returns the promise of its answer. */
  submit<T>(submission: Submission<T>): Promise<T> {
    const job = submission.job ?? nextJob();
    if (currentTrace() !== undefined) tellTimes();
    const submitted = this.#submit(job, submission.transaction, submission.request, false);
    return this.#answer(job, submitted, submission);
  }

  #submit(job: number, transaction: number, request: RequestWriter, inPlace: boolean): Submitted {
    return addon.submit(
      this.#attachment,
      this.#number,
      job,
      transaction,
      request.buffer,
      request.length,
      inPlace,
    );
  }

  #answer<T>(job: number, submitted: Submitted, submission: Submission<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const refused = refusal(submitted);
      if (refused !== undefined) return reject(refused);
      this.#unanswered++;
      this.statements.enter();
      const answer = new JobAnswer(this, submission, resolve, reject);
      answer.trace = this.#traced();
      const { request, signal } = submission;
      if (submitted === Submitted.Answered) {
        return this.#readingInPlace(() => readAnswer(request.answer(), answer));
      }
      if (submission.isOfClosing !== true) this.calls.onThread++;
      expect(job, answer);
      if (signal !== undefined) {
        answer.cancelOn(signal, () => addon.cancel(this.#attachment, this.#number, job));
      }
    });
  }

  /** The trace of the call that is being submitted. */
  #traced(): Trace | undefined {
    const trace = currentTrace();
    if (trace === undefined) return undefined;
    trace.submitted();
    return trace;
  }

  #readingInPlace<T>(read: () => T): T {
    return this.converters === undefined ? read() : keepingAnswer(read);
  }

  /** Resolves once every submitted call has its answer. To be called during a closing. */
  settled(): Promise<void> {
    if (this.#unanswered === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onSettled = resolve));
  }

  /** A call has its answer. `isCounted` is false for a cancelled call and for one of a closing. */
  settle(isCounted: boolean): void {
    if (isCounted) this.answered++;
    if (--this.#unanswered === 0) this.#onSettled?.();
    this.statements.leave();
    this.#releaseRows();
  }

  /** What the connections are doing, and how often statements were found prepared. */
  stats(): Pick<ClientStats, "connections" | "statements" | "groupCommits"> {
    const [open = 0, readers = 0, hits = 0, misses = 0, commits = 0, calls = 0] =
      addon.databaseStats(this.#attachment, this.#number);
    return {
      connections: { open, readers },
      statements: { hits, misses },
      groupCommits: { commits, calls },
    };
  }

  /** The state of the lanes: bits of `LaneFlag`. */
  laneState(): number {
    return addon.laneState(this.#attachment, this.#number);
  }

  /** Begins to make the lane that the client is pinned to its main lane. */
  beginLaneMove(): LaneMove {
    return addon.beginLaneMove(this.#attachment, this.#number);
  }

  /** Ends that, once every call of the former main lane has its answer. */
  finishLaneMove(): void {
    addon.finishLaneMove(this.#attachment, this.#number);
  }

  /** Closes the lanes that have nothing to do, but the main lane. */
  closeIdleLanes(): void {
    addon.closeIdleLanes(this.#attachment, this.#number);
  }

  /** A transaction is over, or its last request is submitted: other calls can use its lane. */
  releaseTransaction(transaction: number): void {
    addon.releaseTransaction(this.#attachment, this.#number, transaction);
  }

  /** Rolls a transaction back and waits for it. */
  endTransaction(transaction: number): void {
    addon.endTransaction(this.#attachment, this.#number, transaction);
  }

  /**
   * Closes the database. When this returns, no connection, lock or thread of it is left.
   * @throws Failure with SQLite's code if a connection could not be closed
   */
  close(): Closed {
    const wasOpened = this.#state !== "unopened";
    this.#leave();
    if (!wasOpened) return nothingClosed();
    const closing = new ClosingAnswer(this.path, "now");
    closeIn(this.#attachment, this.#number, closing);
    return closing.result();
  }

  /**
   * Closes the connections on another thread. The database keeps its number and stays registered, and
   * `resume` opens it again. Every call must have its answer. `close()` and `closeInBackground()` work meanwhile.
   * @throws Failure with SQLite's code if a connection could not be closed
   */
  suspend(): Promise<void> {
    // The addon numbers the shapes of the reopened database from the start.
    this.shapes.clear();
    const closing = new ClosingAnswer(undefined, "later");
    this.#suspension = this.#closeConnections(closing, AT_ONCE).then(() => undefined);
    return this.#suspension;
  }

  /**
   * Opens a suspended database again, with the settings that it had. Can be retried after an error.
   * @throws Failure with SQLite's code if the file cannot be opened; the file is not created
   */
  resume(): void {
    const failed = addon.reopenDatabase(this.#attachment, this.#number);
    if (failed !== null) throw failureIn(failed);
    this.#suspension = undefined;
  }

  /** Closes the database on another thread. */
  async closeInBackground(draining: Draining): Promise<Closed> {
    if (this.#state === "unopened") return this.close();
    if (this.#suspension !== undefined) {
      const close = (): Closed => this.close();
      return this.#suspension.then(close, close);
    }
    const closing = new ClosingAnswer(this.path, "later", draining.drainedBeforeMs);
    this.#closing ??= this.#closeConnections(closing, draining, () => {
      // The thread has finished: this joins it and releases the number.
      closeIn(this.#attachment, this.#number);
      this.#leave();
    });
    return this.#closing;
  }

  /** Ends the draining of `closeInBackground`. */
  hurry(): void {
    if (this.#state !== "unopened") addon.hurryDatabase(this.#attachment, this.#number);
  }

  async shutdown(options: Required<ShutdownOptions>): Promise<ShutdownReport> {
    const owner = this.#owner.deref();
    if (owner !== undefined) return owner.shutdownFromOutside(options);
    // The client was garbage collected: there is nothing to drain.
    const began = performance.now();
    const closed = await this.closeInBackground(AT_ONCE);
    return { path: this.path, drained: 0, ...closed, ms: performance.now() - began };
  }

  #closeConnections(
    closing: ClosingAnswer,
    { drain, timeoutMs }: Draining,
    ended?: () => void,
  ): Promise<Closed> {
    return new Promise((resolve, reject) => {
      const job = nextJob();
      const submitted = addon.shutDownDatabase(
        this.#attachment,
        this.#number,
        job,
        drain,
        timeoutMs,
      );
      if (submitted !== Submitted.Accepted) {
        // The connections are closed already.
        ended?.();
        return reject(clientClosed());
      }
      expect(job, {
        // ClosingAnswer.take never throws: a failure is one of `ended` or of the result.
        fail: reject,
        take(kind, record) {
          if (!closing.take(kind, record)) return false;
          ended?.();
          resolve(closing.result());
          return true;
        },
      });
    });
  }

  #leave(): void {
    this.#state = "closed";
    forgotten.unregister(this);
    leave(this);
    unregisterForExit(this);
    this.#releaseRows();
  }

  /** The caller may keep a closed client for long: it does not keep what its rows were made with. */
  #releaseRows(): void {
    if (this.#state !== "closed" || this.#unanswered > 0) return;
    this.shapes.clear();
    releaseShared();
  }
}

function refusal(submitted: Submitted): Failure | undefined {
  switch (submitted) {
    case Submitted.Accepted:
    case Submitted.Answered:
      return undefined;
    case Submitted.Closed:
      return clientClosed();
    default:
      return neverOpened();
  }
}

function failureIn(records: ArrayBuffer): unknown {
  let failure: unknown;
  readRecords(records, (_job, kind, record) => {
    if (kind !== RecordKind.Error) throw unknownRecord(kind);
    record.outcome();
    failure = failureOf(record.error());
  });
  return failure;
}
