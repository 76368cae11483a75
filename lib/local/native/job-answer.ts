/** Collects the answer of one request and settles its promise. */
import type { IntMode, ResultSet, Row, Value } from "@libsql/core/api";
import type { CallSignal } from "../../client/call-signal";
import type { QueryTrace, RowMode } from "../../../index.js";
import type { Trace } from "../../client/tracing";
import type { RequestWriter } from "../wire/request";
import { LaneKind, RecordKind } from "../wire/kinds";
import { LongValues } from "../wire/long-values";
import type { Outcome, RecordReader } from "../wire/response";
import type { StatementOptions } from "../../client/statement-options";
import type { Converters } from "../../client/converters";
import { resultSetOf } from "../../client/rows/result-set";
import { shapeOf, unreadableShape, type Shape } from "../../client/rows/rows";
import type { Answer } from "./delivery";
import { failureOf, isClientClosed, unknownRecord, unreadableAnswer } from "./errors";

/** One request. The addon decides which lane runs it. */
export interface Submission<T> {
  /** The job that began the transaction of the request, or 0. */
  transaction: number;
  /** The number of the job, if its caller needs to know it. */
  job?: number;
  request: RequestWriter;
  /** Whether the request belongs to a closing: no report counts it. */
  isOfClosing?: boolean;
  signal?: CallSignal | undefined;
  /** The index of its first statement among those of the call. Default: 0. */
  firstIndex?: number | undefined;
  /** Makes the value of the promise from the results, and from the rows of a statement that has not ended. */
  value: (results: ResultSet[], rows: Row[]) => T;
  /** Receives the state of the connection, before the promise settles. */
  ended?: ((outcome: Outcome) => void) | undefined;
}

/** The part of a database that its answers use. */
export interface AnswerHost {
  readonly intMode: IntMode;
  readonly rowMode: RowMode;
  readonly converters: Converters | undefined;
  readonly shapes: Map<number, Shape>;
  /** An answer is complete. `isCounted`: whether reports count its call as answered. */
  settle(isCounted: boolean): void;
}

/** Used if the end of a job cannot be read. A transaction's owner then still has to end it. */
const UNKNOWN_OUTCOME: Outcome = {
  autocommit: false,
  pinned: false,
  explicit: false,
  committed: false,
};

/** Where a call has run, by the number in its answer. */
const LANES = new Map<number, NonNullable<QueryTrace["lane"]>>([
  [LaneKind.Main, "main"],
  [LaneKind.Reader, "reader"],
  [LaneKind.Transaction, "transaction"],
]);

export class JobAnswer<T> implements Answer {
  /** The trace of its call, if that has one. */
  trace: Trace | undefined;
  readonly #host: AnswerHost;
  readonly #value: Submission<T>["value"];
  readonly #ended: Submission<T>["ended"];
  readonly #signal: CallSignal | undefined;
  readonly #isCounted: boolean;
  readonly #firstIndex: number;
  /** What its statements say of their rows, by their index. */
  readonly #options: readonly (StatementOptions | undefined)[] | undefined;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  readonly #results: ResultSet[] = [];
  #rows: Row[] = [];
  #long: LongValues | undefined;
  #stopListening: (() => void) | undefined;
  /** Why part of the answer could not be read. */
  #failure: { error: unknown } | undefined;
  #hasEnded = false;

  constructor(
    host: AnswerHost,
    submission: Submission<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.#host = host;
    this.#options = submission.request.options;
    submission.request.giveBack();
    this.#value = submission.value;
    this.#ended = submission.ended;
    this.#signal = submission.signal;
    this.#isCounted = submission.isOfClosing !== true;
    this.#firstIndex = submission.firstIndex ?? 0;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  cancelOn(signal: CallSignal, cancel: () => void): void {
    this.#stopListening = () => signal.remove(cancel);
    signal.add(cancel);
  }

  take(kind: number, record: RecordReader): boolean {
    switch (kind) {
      case RecordKind.Shape:
        this.#learnShape(record);
        return false;
      case RecordKind.Rows: {
        // An answer that is not complete is not delivered: its other rows need not be made.
        if (this.#failure !== undefined) return false;
        const shape = this.#shape(record.u32());
        const count = record.u32();
        const options = this.#options?.[this.#results.length];
        const intMode = options?.intMode ?? this.#host.intMode;
        const cells = record.cells(intMode, this.#nextLong);
        shape.readRows(count, cells, this.#rows, options?.rowMode);
        return false;
      }
      case RecordKind.Piece:
        if (this.#failure !== undefined) return false;
        this.#long ??= new LongValues();
        this.#long.add(record.piece());
        return false;
      case RecordKind.Result:
        this.#endStatement(record);
        return false;
      case RecordKind.Ran: {
        const { lane, queuedMs, runMs } = record.ran();
        this.trace?.ran(LANES.get(lane), queuedMs, runMs);
        return false;
      }
      case RecordKind.Tables: {
        const shape = this.#shape(record.u32());
        shape.tables = record.tables();
        return false;
      }
      case RecordKind.Forget:
        this.#host.shapes.delete(record.u32());
        return false;
      case RecordKind.Done: {
        const outcome = record.outcome();
        this.#end(outcome);
        const settled = this.#settled();
        if ("value" in settled) this.#resolve(settled.value);
        else this.#reject(unreadableAnswer(settled.error, outcome.committed));
        return true;
      }
      case RecordKind.Error: {
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
      // The first failure is reported.
    }
    this.#reject(unreadableAnswer(this.#failure.error, false));
  }

  readonly #nextLong = (): Value => {
    if (this.#long === undefined) throw new TypeError("a long value has not come");
    return this.#long.next();
  };

  #settled(): { value: T } | { error: unknown } {
    if (this.#failure !== undefined) return this.#failure;
    try {
      return { value: this.#value(this.#results, this.#rows) };
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
      if (native.statementIndex >= 0) native.statementIndex += this.#firstIndex;
      const error = failureOf(native, { signal: this.#signal, committed });
      return { error, isClientClosed: isClientClosed(native) };
    } catch (error) {
      return { error: unreadableAnswer(error, committed), isClientClosed: false };
    }
  }

  /** The addon sends a shape once: each use of an unreadable one has to fail. */
  #learnShape(record: RecordReader): void {
    const number = record.u32();
    try {
      const { rowMode, converters } = this.#host;
      const { names, declaredTypes } = record.columns();
      this.#host.shapes.set(number, shapeOf(names, declaredTypes, rowMode, converters));
    } catch (error) {
      this.#host.shapes.set(number, unreadableShape(error));
    }
  }

  #shape(number: number): Shape {
    const shape = this.#host.shapes.get(number);
    if (shape === undefined) throw new Error(`the addon has not said which columns ${number} are`);
    return shape;
  }

  #endStatement(record: RecordReader): void {
    const end = record.statementEnd();
    const shape = end.shape === 0 ? undefined : this.#shape(end.shape);
    const mode = this.#options?.[this.#results.length]?.rowMode ?? this.#host.rowMode;
    this.#results.push(resultSetOf(shape, end, this.#rows, mode));
    this.#rows = [];
  }

  #end(outcome: Outcome, isCancelled = false): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    try {
      this.#host.settle(!isCancelled && this.#isCounted);
      this.#stopListening?.();
    } finally {
      this.#ended?.(outcome);
    }
  }
}
