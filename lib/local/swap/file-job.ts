/** A job on files, which runs on a thread of the addon. */
import type { DatabaseSwapStep, SwapStep } from "../../../types/swap.js";
import { isMainThread } from "node:worker_threads";
import { addon } from "../../addon/addon";
import type { CallSignal } from "../../client/call-signal";
import type { Failure } from "../../client/failure";
import { AsyncContext } from "../../client/async-context";
import { attach, expect, nextJob, type Answer } from "../native/delivery";
import { unknownRecord, unreadableAnswer } from "../native/errors";
import { RecordKind, SwapErrorFlag, SwappedFlag } from "../wire/kinds";
import type { RecordReader } from "../wire/response";
import { swapFailure } from "./errors";

/** The result of a job on a file. */
export interface FileSwapped {
  committed: boolean;
  durable: boolean;
  bytes: number;
}

/** The JavaScript side of a job. All callbacks run in the async context in which the job was started. */
export interface JobCallbacks<End, Step> {
  /** Reads the record of the job's result. */
  readEnd(record: RecordReader): End;
  /** The thread waits for JavaScript, until `goOn`, `feed` or `end` is called. */
  wanted?(record: RecordReader): void;
  progress?(step: Step, done: number, total: number | undefined): void;
  /**
   * The job has ended, or is about to be ended: called once, before the thread is told and before the
   * promise settles. An exception is ignored, because the promise reports the job's own end.
   */
  ending?(): void;
  /** Ends the job, with its reason. */
  signal?: CallSignal | undefined;
}

/** Starts the job in the addon. */
export type StartFileJob = (attachment: number, job: number) => void;

/** How a promise is settled. */
interface Settle<End> {
  resolve(end: End): void;
  reject(error: unknown): void;
}

/** The number of running jobs. */
let running = 0;

export class FileJob<End, Step = never> implements Answer {
  /** The result; rejects with a Failure, or with the error that was passed to `end`. */
  readonly ended: Promise<End>;
  readonly #callbacks: JobCallbacks<End, Step>;
  readonly #attachment = attach();
  readonly #job = nextJob();
  readonly #context = new AsyncContext("latchdb.FileJob");
  readonly #abort = (): void => this.end(this.#callbacks.signal?.reason);
  #settle: Settle<End> | undefined;
  /** The error that was passed to `end`. */
  #reason: { error: unknown } | undefined;

  constructor(start: StartFileJob, callbacks: JobCallbacks<End, Step>) {
    this.#callbacks = callbacks;
    start(this.#attachment, this.#job);
    expect(this.#job, this);
    this.ended = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    // Environment cleanup hooks do not run in the main thread on process.exit() or an uncaught error.
    if (running === 0 && isMainThread) process.on("exit", endFileJobs);
    running++;
    callbacks.signal?.add(this.#abort);
  }

  /** Whether the thread waits for nothing any more. */
  get isOver(): boolean {
    return this.#settle === undefined || this.#reason !== undefined;
  }

  /** Passes the requested piece of the content. */
  feed(piece: Uint8Array): void {
    if (!this.isOver) addon.feedSwap(this.#attachment, this.#job, piece);
  }

  /** Continues: the requested step is done, or there are no more pieces. */
  goOn(): void {
    if (!this.isOver) addon.continueSwap(this.#attachment, this.#job);
  }

  /** Ends the job with an error or a failure, unless it is past its commit point. */
  end(error: unknown): void {
    if (this.isOver) return;
    this.#reason = { error };
    this.#context.runInAsyncScope(() => this.#callEnding());
    addon.abortFileJob(this.#attachment, this.#job);
  }

  take(kind: number, record: RecordReader): boolean {
    return this.#context.runInAsyncScope(() => this.#take(kind, record));
  }

  #take(kind: number, record: RecordReader): boolean {
    switch (kind) {
      case RecordKind.Progress: {
        const step = record.string() as Step;
        const done = record.f64();
        const total = record.f64();
        this.#callbacks.progress?.(step, done, total < 0 ? undefined : total);
        return false;
      }
      case RecordKind.Wanted:
      case RecordKind.WantedDatabase:
        this.#serve(record);
        return false;
      case RecordKind.SwapError: {
        const flags = record.u8();
        const failure = readFailure(record, (flags & SwapErrorFlag.Committed) !== 0);
        const isAborted = (flags & SwapErrorFlag.Aborted) !== 0 && this.#reason !== undefined;
        this.#leave()?.reject(isAborted ? this.#reason?.error : failure);
        return true;
      }
      case RecordKind.Swapped:
      case RecordKind.DatabaseSwapped:
      case RecordKind.Report: {
        const end = this.#readEnd(record, kind !== RecordKind.Report);
        const settle = this.#leave();
        if ("value" in end) settle?.resolve(end.value);
        else settle?.reject(end.error);
        return true;
      }
      default:
        throw unknownRecord(kind);
    }
  }

  /** Before the end, only a progress listener throws: its error becomes an uncaught one. */
  fail(error: unknown, isOver: boolean): void {
    if (isOver) return this.#leave()?.reject(unreadableAnswer(error, false));
    this.#context.runInAsyncScope(queueMicrotask, undefined, () => {
      throw error;
    });
  }

  #serve(record: RecordReader): void {
    // The thread may have sent the record before it was told that the job is over.
    if (this.isOver) return;
    try {
      this.#callbacks.wanted?.(record);
    } catch (error) {
      // The thread would wait forever.
      this.end(error);
    }
  }

  #readEnd(record: RecordReader, isCommitted: boolean): { value: End } | { error: unknown } {
    try {
      return { value: this.#callbacks.readEnd(record) };
    } catch (error) {
      return { error: unreadableAnswer(error, isCommitted) };
    }
  }

  #callEnding(): void {
    try {
      this.#callbacks.ending?.();
    } catch {
      // JobCallbacks.ending says why.
    }
  }

  #leave(): Settle<End> | undefined {
    if (this.#settle === undefined) return undefined;
    running--;
    if (running === 0 && isMainThread) process.off("exit", endFileJobs);
    this.#callbacks.signal?.remove(this.#abort);
    if (this.#reason === undefined) this.#callEnding();
    const settle = this.#settle;
    this.#settle = undefined;
    return settle;
  }
}

function endFileJobs(): void {
  addon.endFileJobs(attach());
}

/** Reads a `Swapped` record. */
export function readFileSwapped(record: RecordReader): FileSwapped {
  const flags = record.u8();
  return {
    committed: (flags & SwappedFlag.Committed) !== 0,
    durable: (flags & SwappedFlag.Durable) !== 0,
    bytes: record.f64(),
  };
}

function readFailure(record: RecordReader, committed: boolean): Failure {
  const code = record.string();
  const step = record.string() as SwapStep | DatabaseSwapStep;
  const path = record.string();
  const errno = record.string() || undefined;
  const message = record.string();
  const openers = Array.from({ length: record.u32() }, () => {
    const pid = record.u32();
    return { pid, name: record.string() || undefined };
  });
  return swapFailure(message, { code, step, path, errno, committed, openers });
}
