/** One open database: a number, behind which the addon keeps everything. */
import type { IntMode, ResultSet, Row } from "@libsql/core/api";
import { ResultSetImpl } from "@libsql/core/util";
import { Submitted } from "../addon/binding.js";
import { addon } from "../addon/addon";
import { ClosingAnswer, type Closed } from "./closing";
import { attach, expect, nextJob, type Answer } from "./delivery";
import {
  clientClosed,
  isClientClosed,
  neverOpened,
  toError,
  unknownRecord,
  unreadableAnswer,
} from "./errors";
import * as openDatabases from "./open-databases";
import { StatementNumbers } from "./statements";
import { absolutePath } from "../paths";
import type { RequestWriter } from "../wire/request";
import { DONE, ERROR, FORGET, readRecords, RESULT, ROWS, SHAPE } from "../wire/response";
import type { Outcome, RecordReader } from "../wire/response";
import { shapeOf, unreadableShape, type Shape } from "../wire/rows";

/** How a database is opened. */
export interface DatabaseOptions {
  /** The path of a file, or SQLite's URI of an in-memory database. */
  location: string;
  inMemory: boolean;
  /** The `timeout` setting in ms. */
  timeout: number | undefined;
  intMode: IntMode;
  /** Whether its connections can only read; the file must be there then. */
  readOnly: boolean;
}

/** One request on its way to a lane. */
export interface Submission<T> {
  /** The lane. */
  lane: number;
  /** The job that began the transaction it belongs to, or 0. */
  transaction: number;
  /** The number of the job, where its caller wants to know it. */
  job?: number;
  request: RequestWriter;
  /** Nobody called for it: it belongs to a closing, and no report counts it. */
  isOfClosing?: boolean;
  signal?: AbortSignal | undefined;
  /** Makes the value of the promise from the results. */
  value: (results: ResultSet[]) => T;
  /** Hears what became of the connection, before the promise settles. */
  ended?: ((outcome: Outcome) => void) | undefined;
}

/** See the module's own text. */
export class NativeDatabase {
  readonly number: number;
  /** The absolute path of its file; SQLite's URI of a database in memory; empty for a temporary one. */
  readonly path: string;
  readonly isFile: boolean;
  readonly statements: StatementNumbers;
  readonly intMode: IntMode;
  /** How many calls have had their answer, the closing's cancelling apart. */
  answered = 0;
  /** How many have not. */
  #unanswered = 0;
  #onSettled: (() => void) | undefined;
  /** Settles once its connections are closed, where it is suspended. */
  #suspension: Promise<void> | undefined;
  readonly #entry: openDatabases.OpenDatabase;
  readonly #attachment: number;
  readonly #shapes = new Map<number, Shape>();

  /**
   * Opens a database and its first connection. It is closed, too, when `owner` is collected.
   * @throws LibsqlError with SQLite's code where the file cannot be opened
   */
  constructor(options: DatabaseOptions, owner: object) {
    const attachment = attach();
    const opened = addon.openDatabase(attachment, {
      location: options.location,
      inMemory: options.inMemory,
      timeout: options.timeout,
      numbers: options.intMode === "number",
      readOnly: options.readOnly,
    });
    if (typeof opened !== "number") {
      openDatabases.detachSoon();
      throw errorIn(opened);
    }
    this.#attachment = attachment;
    this.number = opened;
    const isFile = !options.inMemory && options.location !== "";
    this.isFile = isFile;
    this.path = isFile ? absolutePath(options.location) : options.location;
    this.intMode = options.intMode;
    this.statements = new StatementNumbers(
      (id, sql) => addon.defineStatement(attachment, opened, id, sql),
      (id) => addon.forgetStatement(attachment, opened, id),
    );
    this.#entry = openDatabases.enter(attachment, opened, this.path, owner);
  }

  /** Queues a request and gives the promise of its answer. */
  submit<T>(submission: Submission<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { lane, transaction, request, signal } = submission;
      const job = submission.job ?? nextJob();
      const refused = refusal(
        addon.submit(
          this.#attachment,
          this.number,
          lane,
          job,
          transaction,
          request.buffer,
          request.length,
        ),
      );
      if (refused !== undefined) return reject(refused);
      this.#unanswered++;
      this.statements.enter();
      const answer = new JobAnswer(this, this.#shapes, submission, resolve, reject);
      expect(job, answer);
      if (signal !== undefined) {
        answer.cancelOn(signal, () => addon.cancel(this.#attachment, this.number, lane, job));
      }
    });
  }

  /** Every call that was submitted has its answer, if there is a closing. */
  settled(): Promise<void> {
    if (this.#unanswered === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onSettled = resolve));
  }

  /** A call has its answer. `isCounted` is false where nobody called for it, or it was cancelled. */
  settle(isCounted: boolean): void {
    if (isCounted) this.answered++;
    if (--this.#unanswered === 0) this.#onSettled?.();
  }

  /** Opens a further lane; undefined where the client is closed. */
  openLane(): number | undefined {
    const lane = addon.openLane(this.#attachment, this.number);
    return lane < 0 ? undefined : lane;
  }

  /** Closes a lane that has nothing to do. */
  closeLane(lane: number): void {
    addon.closeLane(this.#attachment, this.number, lane);
  }

  /** Rolls a transaction back and waits for it. */
  endTransaction(lane: number, transaction: number): void {
    addon.endTransaction(this.#attachment, this.number, lane, transaction);
  }

  /**
   * Closes the database: when this returns, nothing of it is left.
   * @throws LibsqlError with SQLite's code where a connection could not be closed
   */
  close(): Closed {
    openDatabases.leave(this.#entry);
    const closing = new ClosingAnswer(this.path);
    const records = addon.closeDatabase(this.#attachment, this.number);
    readRecords(records, (_job, kind, record) => closing.take(kind, record));
    return closing.result();
  }

  /**
   * Closes its connections on a thread of their own, to be opened again. Every call must have its
   * answer. `close()` and `shutDown()` end it meanwhile, too.
   * @throws LibsqlError with SQLite's code where a connection could not be closed
   */
  suspend(): Promise<void> {
    // Their numbers begin anew.
    this.#shapes.clear();
    this.#suspension = openDatabases.suspend(this.#entry);
    return this.#suspension;
  }

  /**
   * Opens it again, with the settings that it had, and its first connection. After an error it can be
   * tried again.
   * @throws LibsqlError with SQLite's code where the file cannot be opened; it is not created
   */
  resume(): void {
    const failed = addon.reopenDatabase(this.#attachment, this.number);
    if (failed !== null) throw errorIn(failed);
    this.#suspension = undefined;
  }

  /** Closes the database on a thread of its own. */
  shutDown(options: {
    drain: boolean;
    timeoutMs: number;
    drainedBeforeMs: number;
  }): Promise<Closed> {
    if (this.#suspension !== undefined) {
      const close = (): Closed => this.close();
      return this.#suspension.then(close, close);
    }
    return openDatabases.closeInBackground(this.#entry, options);
  }

  /** Ends the draining of `shutDown`. */
  hurry(): void {
    addon.hurryDatabase(this.#attachment, this.number);
  }
}

/** Collects the answer of one job and settles its promise. */
class JobAnswer<T> implements Answer {
  readonly #database: NativeDatabase;
  readonly #shapes: Map<number, Shape>;
  readonly #submission: Submission<T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  readonly #results: ResultSet[] = [];
  #rows: Row[] = [];
  #stopListening: (() => void) | undefined;
  /** Why something of the answer could not be read. */
  #failure: { error: unknown } | undefined;
  #hasEnded = false;

  constructor(
    database: NativeDatabase,
    shapes: Map<number, Shape>,
    submission: Submission<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.#database = database;
    this.#shapes = shapes;
    this.#submission = submission;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  cancelOn(signal: AbortSignal, cancel: () => void): void {
    signal.addEventListener("abort", cancel, { once: true });
    this.#stopListening = () => signal.removeEventListener("abort", cancel);
  }

  take(kind: number, record: RecordReader): boolean {
    switch (kind) {
      case SHAPE:
        this.#learnShape(record);
        return false;
      case ROWS: {
        const shape = this.#shape(record.u32());
        shape.readRows(record.u32(), record.cells(this.#database.intMode), this.#rows);
        return false;
      }
      case RESULT:
        this.#endStatement(record);
        return false;
      case FORGET:
        this.#shapes.delete(record.u32());
        return false;
      case DONE: {
        const outcome = record.outcome();
        this.#end(outcome);
        const settled = this.#value();
        if ("value" in settled) this.#resolve(settled.value);
        else this.#reject(unreadableAnswer(settled.error, outcome.committed));
        return true;
      }
      case ERROR: {
        const outcome = record.outcome();
        const error = this.#readError(record, outcome.committed);
        this.#end(outcome, error.isClientClosed);
        this.#reject(error.error);
        return true;
      }
      default:
        throw unknownRecord(kind);
    }
  }

  fail(error: unknown, isOver: boolean): void {
    this.#failure ??= { error };
    if (!isOver) return;
    try {
      this.#end(UNKNOWN_OUTCOME);
    } catch {
      // The first failure is the one that counts.
    }
    this.#reject(unreadableAnswer(this.#failure.error, false));
  }

  #value(): { value: T } | { error: unknown } {
    if (this.#failure !== undefined) return this.#failure;
    try {
      return { value: this.#submission.value(this.#results) };
    } catch (error) {
      return { error };
    }
  }

  #readError(
    record: RecordReader,
    committed: boolean,
  ): { error: unknown; isClientClosed: boolean } {
    try {
      const native = record.error();
      const error = toError(native, { signal: this.#submission.signal, committed });
      return { error, isClientClosed: isClientClosed(native) };
    } catch (error) {
      return { error: unreadableAnswer(error, committed), isClientClosed: false };
    }
  }

  /** The addon sends a shape once: each use of one that could not be read has to fail. */
  #learnShape(record: RecordReader): void {
    const number = record.u32();
    try {
      const { names, declaredTypes } = record.columns();
      this.#shapes.set(number, shapeOf(names, declaredTypes));
    } catch (error) {
      this.#shapes.set(number, unreadableShape(error));
    }
  }

  #shape(number: number): Shape {
    const shape = this.#shapes.get(number);
    if (shape === undefined) throw new Error(`the addon has not said which columns ${number} are`);
    return shape;
  }

  #endStatement(record: RecordReader): void {
    const { shape: number, rowsAffected, lastInsertRowid } = record.statementEnd();
    const shape = number === 0 ? undefined : this.#shape(number);
    this.#results.push(
      new ResultSetImpl(
        shape === undefined ? [] : shape.names.slice(),
        shape === undefined ? [] : shape.declaredTypes.slice(),
        this.#rows,
        rowsAffected,
        lastInsertRowid,
      ),
    );
    this.#rows = [];
  }

  #end(outcome: Outcome, isCancelled = false): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#database.settle(!isCancelled && this.#submission.isOfClosing !== true);
    try {
      this.#database.statements.leave();
      this.#stopListening?.();
    } finally {
      this.#submission.ended?.(outcome);
    }
  }
}

/** Where the end of a job cannot be read: who holds a transaction still has to end it. */
const UNKNOWN_OUTCOME: Outcome = {
  autocommit: false,
  tied: false,
  explicit: false,
  committed: false,
};

function refusal(submitted: Submitted): Error | undefined {
  switch (submitted) {
    case Submitted.Accepted:
      return undefined;
    case Submitted.Closed:
      return clientClosed();
    default:
      return neverOpened();
  }
}

function errorIn(records: ArrayBuffer): unknown {
  let error: unknown;
  readRecords(records, (_job, _kind, record) => {
    record.outcome();
    error = toError(record.error());
  });
  return error;
}
