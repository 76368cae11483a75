/** One open database: a number, behind which the addon keeps everything. */
import type { IntMode, ResultSet, Row } from "@libsql/core/api";
import { ResultSetImpl } from "@libsql/core/util";
import * as addon from "../../binding.js";
import { closeAtExit } from "./at-exit";
import { attachment, expect, nextJob, type Answer } from "./delivery";
import { clientClosed, neverOpened, toError } from "./errors";
import { StatementNumbers } from "./statements";
import type { RequestWriter } from "../wire/request";
import { DONE, ERROR, FORGET, readRecords, RESULT, ROWS, SHAPE } from "../wire/response";
import type { Outcome, RecordReader } from "../wire/response";
import { shapeOf, type Shape } from "../wire/rows";

/** How a database is opened. */
export interface DatabaseOptions {
  /** The path of a file, or SQLite's URI of an in-memory database. */
  location: string;
  inMemory: boolean;
  /** The `timeout` setting in ms. */
  timeout: number | undefined;
  intMode: IntMode;
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
  signal?: AbortSignal | undefined;
  /** Makes the value of the promise from the results. */
  value: (results: ResultSet[]) => T;
  /** Hears what became of the connection, before the promise settles. */
  ended?: ((outcome: Outcome) => void) | undefined;
}

/** What a closing did. */
export interface Closed {
  walLeft: boolean;
  cancelled: number;
}

/**
 * Clients that were forgotten without being closed are closed once they are collected. Nothing
 * counts on it: the order of things is `close()`.
 */
const forgotten = new FinalizationRegistry<number>((number) => {
  closeInBackground(number, nextJob(), false, 0, { take: () => true, fail: () => undefined });
});

/** See the module's own text. */
export class NativeDatabase {
  readonly number: number;
  readonly statements: StatementNumbers;
  readonly intMode: IntMode;
  readonly #shapes = new Map<number, Shape>();

  /**
   * Opens a database and its first connection.
   * @throws LibsqlError with SQLite's code where the file cannot be opened
   */
  constructor(options: DatabaseOptions) {
    const opened = addon.openDatabase(attachment, {
      location: options.location,
      inMemory: options.inMemory,
      timeout: options.timeout,
      numbers: options.intMode === "number",
    });
    if (typeof opened !== "number") throw errorIn(opened);
    this.number = opened;
    this.intMode = options.intMode;
    this.statements = new StatementNumbers(
      (id, sql) => addon.defineStatement(attachment, opened, id, sql),
      (id) => addon.forgetStatement(attachment, opened, id),
    );
    closeAtExit();
  }

  /** Has the database closed once `owner` is collected. */
  closeWith(owner: object): void {
    forgotten.register(owner, this.number, this);
  }

  /** Queues a request and gives the promise of its answer. */
  submit<T>(submission: Submission<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { lane, transaction, request, signal } = submission;
      const job = submission.job ?? nextJob();
      const refused = refusal(
        addon.submit(
          attachment,
          this.number,
          lane,
          job,
          transaction,
          request.buffer,
          request.length,
        ),
      );
      if (refused !== undefined) return reject(refused);
      this.statements.enter();
      const answer = new JobAnswer(this, this.#shapes, submission, resolve, reject);
      expect(job, answer);
      if (signal !== undefined) {
        answer.cancelOn(signal, () => addon.cancel(attachment, this.number, lane, job));
      }
    });
  }

  /** Opens a further lane; undefined where the client is closed. */
  openLane(): number | undefined {
    const lane = addon.openLane(attachment, this.number);
    return lane < 0 ? undefined : lane;
  }

  /** Closes a lane that has nothing to do. */
  closeLane(lane: number): void {
    addon.closeLane(attachment, this.number, lane);
  }

  /** Rolls a transaction back and waits for it. */
  endTransaction(lane: number, transaction: number): void {
    addon.endTransaction(attachment, this.number, lane, transaction);
  }

  /** Closes the database: when this returns, nothing of it is left. */
  close(): Closed {
    forgotten.unregister(this);
    const closed = addon.closeDatabase(attachment, this.number);
    let outcome: Outcome | undefined;
    readRecords(closed, (_job, kind, record) => {
      if (kind === ERROR) throw toError(record.error().error);
      outcome = record.outcome();
    });
    return { walLeft: outcome?.walLeft ?? false, cancelled: outcome?.cancelled ?? 0 };
  }

  /** Closes the database on a thread of its own. */
  shutDown(drain: boolean, timeoutMs: number): Promise<Closed> {
    forgotten.unregister(this);
    return new Promise((resolve, reject) => {
      const refused = closeInBackground(this.number, nextJob(), drain, timeoutMs, {
        take(kind, record) {
          if (kind === ERROR) reject(toError(record.error().error));
          else {
            const { walLeft, cancelled } = record.outcome();
            resolve({ walLeft, cancelled });
          }
          return true;
        },
        fail: reject,
      });
      if (refused !== undefined) reject(refused);
    });
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
  #failure: { error: unknown } | undefined;

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
      case SHAPE: {
        const number = record.u32();
        const { names, declaredTypes } = record.columns();
        this.#shapes.set(number, shapeOf(names, declaredTypes));
        return false;
      }
      case ROWS: {
        const shape = this.#shapes.get(record.u32());
        shape?.readRows(record.u32(), record.cells(this.#database.intMode), this.#rows);
        return false;
      }
      case RESULT:
        this.#endStatement(record);
        return false;
      case FORGET:
        this.#shapes.delete(record.u32());
        return false;
      case DONE:
        this.#end(record.outcome());
        if (this.#failure === undefined) this.#resolve(this.#submission.value(this.#results));
        else this.#reject(this.#failure.error);
        return true;
      default: {
        const { outcome, error } = record.error();
        this.#end(outcome);
        this.#reject(toError(error, this.#submission.signal));
        return true;
      }
    }
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  #endStatement(record: RecordReader): void {
    const { shape: number, rowsAffected, lastInsertRowid } = record.statementEnd();
    const shape = this.#shapes.get(number);
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

  #end(outcome: Outcome): void {
    this.#stopListening?.();
    this.#database.statements.leave();
    this.#submission.ended?.(outcome);
  }
}

function refusal(submitted: addon.Submitted): Error | undefined {
  switch (submitted) {
    case addon.Submitted.Accepted:
      return undefined;
    case addon.Submitted.Closed:
      return clientClosed();
    default:
      return neverOpened();
  }
}

/** Closes a database on a thread of its own; `answer` hears of its end. */
function closeInBackground(
  number: number,
  job: number,
  drain: boolean,
  timeoutMs: number,
  answer: Answer,
): Error | undefined {
  const refused = refusal(addon.shutDownDatabase(attachment, number, job, drain, timeoutMs));
  if (refused !== undefined) return refused;
  expect(job, {
    fail: (error) => answer.fail(error),
    take(kind, record) {
      const isLast = answer.take(kind, record);
      // The thread is done: this joins it, and lets the number go.
      if (isLast) addon.closeDatabase(attachment, number);
      return isLast;
    },
  });
  return undefined;
}

function errorIn(records: ArrayBuffer): unknown {
  let error: unknown;
  readRecords(records, (_job, _kind, record) => (error = toError(record.error().error)));
  return error;
}
