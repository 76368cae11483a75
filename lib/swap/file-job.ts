/** One job on files: a number, under which the addon's thread answers. */
import type { DatabaseSwapStep, SwapStep } from "../../types/swap.js";
import { AsyncResource } from "node:async_hooks";
import { isMainThread } from "node:worker_threads";
import { addon } from "../addon/addon";
import { attach, expect, nextJob, type Answer } from "../native/delivery";
import { detachSoon } from "../native/open-databases";
import { unknownRecord, unreadableAnswer } from "../native/errors";
import {
  DATABASE_SWAPPED,
  PROGRESS,
  REPORT,
  SWAP_ERROR,
  SWAPPED,
  WANTED,
  WANTED_DATABASE,
  type RecordReader,
} from "../wire/response";
import { SwapError } from "./errors";

/** How a job on a file ended well. */
export interface FileSwapped {
  committed: boolean;
  durable: boolean;
  bytes: number;
}

/** What a job's owner has to say in it. All of it runs in the async context in which the job was begun. */
export interface FileJobOptions<End, Step> {
  /** Reads the record with which the job ends well. */
  readEnd(record: RecordReader): End;
  /** The thread waits for something of ours. */
  wanted?(record: RecordReader): void;
  progress?(step: Step, done: number, total: number | undefined): void;
  /**
   * It is over, or is to be: called once, before the thread hears of it, and before the promise settles.
   * What it throws is dropped: the job's own end is what counts.
   */
  ending?(): void;
  /** Ends the job, with its reason. */
  signal?: AbortSignal | undefined;
}

/** Tells the addon of a new job. */
export type StartFileJob = (attachment: number, job: number) => void;

/** How a promise is settled. */
interface Settle<End> {
  resolve(end: End): void;
  reject(error: unknown): void;
}

/** How many jobs are under way. */
let running = 0;

/** A job that was begun. */
export class FileJob<End, Step = never> implements Answer {
  /** Its end; rejects with a SwapError, or with what it was ended for. */
  readonly ended: Promise<End>;
  readonly #options: FileJobOptions<End, Step>;
  readonly #attachment = attach();
  readonly #job = nextJob();
  readonly #context = new AsyncResource("latchdb.FileJob");
  readonly #abort = (): void => this.end(this.#options.signal?.reason);
  #settle: Settle<End> | undefined;
  /** Why we ended it ourselves. */
  #reason: { error: unknown } | undefined;

  constructor(start: StartFileJob, options: FileJobOptions<End, Step>) {
    this.#options = options;
    start(this.#attachment, this.#job);
    expect(this.#job, this);
    this.ended = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    options.signal?.addEventListener("abort", this.#abort, { once: true });
    // process.exit() and an uncaught error run no cleanup hook in the main thread.
    if (running === 0 && isMainThread) process.on("exit", endFileJobs);
    running++;
    detachSoon();
  }

  /** Whether nobody waits for anything of ours any more. */
  get isOver(): boolean {
    return this.#settle === undefined || this.#reason !== undefined;
  }

  /** Gives it the piece of its content that it wanted. */
  feed(piece: Uint8Array): void {
    if (!this.isOver) addon.feedSwap(this.#attachment, this.#job, piece);
  }

  /** What it wanted is done; or there are no more pieces. */
  goOn(): void {
    if (!this.isOver) addon.continueSwap(this.#attachment, this.#job);
  }

  /** Ends it, unless it is past its commit point: then it goes on. */
  end(error: unknown): void {
    if (this.isOver) return;
    this.#reason = { error };
    this.#context.runInAsyncScope(() => this.#tellEnding());
    addon.abortFileJob(this.#attachment, this.#job);
  }

  take(kind: number, record: RecordReader): boolean {
    return this.#context.runInAsyncScope(() => this.#take(kind, record));
  }

  #take(kind: number, record: RecordReader): boolean {
    switch (kind) {
      case PROGRESS: {
        const step = record.string() as Step;
        const done = record.f64();
        const total = record.f64();
        this.#options.progress?.(step, done, total < 0 ? undefined : total);
        return false;
      }
      case WANTED:
      case WANTED_DATABASE:
        this.#serve(record);
        return false;
      case SWAP_ERROR: {
        const flags = record.u8();
        const error = readError(record, (flags & 1) !== 0);
        const isAborted = (flags & 2) !== 0 && this.#reason !== undefined;
        this.#leave()?.reject(isAborted ? this.#reason?.error : error);
        return true;
      }
      case SWAPPED:
      case DATABASE_SWAPPED:
      case REPORT: {
        const end = this.#readEnd(record, kind !== REPORT);
        const settle = this.#leave();
        if ("value" in end) settle?.resolve(end.value);
        else settle?.reject(end.error);
        return true;
      }
      default:
        throw unknownRecord(kind);
    }
  }

  /** What a listener throws is the caller's own, and nobody's to catch. */
  fail(error: unknown, isOver: boolean): void {
    if (isOver) return this.#leave()?.reject(unreadableAnswer(error, false));
    this.#context.runInAsyncScope(queueMicrotask, undefined, () => {
      throw error;
    });
  }

  #serve(record: RecordReader): void {
    // It may have been asked for before the thread heard that it is over.
    if (this.isOver) return;
    try {
      this.#options.wanted?.(record);
    } catch (error) {
      // The thread waits for it.
      this.end(error);
    }
  }

  #readEnd(record: RecordReader, isCommitted: boolean): { value: End } | { error: unknown } {
    try {
      return { value: this.#options.readEnd(record) };
    } catch (error) {
      return { error: unreadableAnswer(error, isCommitted) };
    }
  }

  #tellEnding(): void {
    try {
      this.#options.ending?.();
    } catch {
      // See FileJobOptions.
    }
  }

  #leave(): Settle<End> | undefined {
    if (this.#settle === undefined) return undefined;
    running--;
    if (running === 0 && isMainThread) process.off("exit", endFileJobs);
    this.#options.signal?.removeEventListener("abort", this.#abort);
    if (this.#reason === undefined) this.#tellEnding();
    const settle = this.#settle;
    this.#settle = undefined;
    return settle;
  }
}

function endFileJobs(): void {
  addon.endFileJobs(attach());
}

/** Reads how a job on a file ended. */
export function readFileSwapped(record: RecordReader): FileSwapped {
  const flags = record.u8();
  return { committed: (flags & 1) !== 0, durable: (flags & 2) !== 0, bytes: record.f64() };
}

function readError(record: RecordReader, committed: boolean): SwapError {
  const code = record.string();
  const step = record.string() as SwapStep | DatabaseSwapStep;
  const path = record.string();
  const errno = record.string() || undefined;
  const message = record.string();
  const openers = Array.from({ length: record.u32() }, () => {
    const pid = record.u32();
    return { pid, name: record.string() || undefined };
  });
  return new SwapError(message, { code, step, path, errno, committed, openers });
}
