/** One job on files: a number, under which the addon's thread answers. */
import type { DatabaseSwapStep, SwapStep } from "../../swap.js";
import { isMainThread } from "node:worker_threads";
import { addon } from "../addon/addon";
import { attach, expect, nextJob, type Answer } from "../native/delivery";
import { detachSoon } from "../native/open-databases";
import { PROGRESS, SWAP_ERROR, WANTED, WANTED_DATABASE, type RecordReader } from "../wire/response";
import { SwapError } from "./errors";

/** How a job on a file ended well. */
export interface FileSwapped {
  committed: boolean;
  durable: boolean;
  bytes: number;
}

/** What a job's owner does when the thread says something. */
export interface Listener<End, Step> {
  /** The thread waits for something of ours. */
  wanted?(record: RecordReader): void;
  progress?(step: Step, done: number, total: number | undefined): void;
  /** Reads the record with which the job ends well. */
  readEnd(record: RecordReader): End;
  /** It is over. `aborted`: the error is the end that was asked for. */
  ended(outcome: End | SwapError, aborted: boolean): void;
}

/** Tells the addon of a new job. */
export type StartFileJob = (attachment: number, job: number) => void;

/** How many jobs are under way. */
let running = 0;

/** Begins a job. */
export function startFileJob<End, Step>(start: StartFileJob, listener: Listener<End, Step>): void {
  const job = nextJob();
  start(attach(), job);
  expect(job, new FileJobAnswer(listener));
  // process.exit() and an uncaught error run no cleanup hook in the main thread.
  if (running === 0 && isMainThread) process.on("exit", endFileJobs);
  running++;
  detachSoon();
}

function leave(): void {
  running--;
  if (running === 0 && isMainThread) process.off("exit", endFileJobs);
}

function endFileJobs(): void {
  addon.endFileJobs(attach());
}

/** Reads how a job on a file ended. */
export function readFileSwapped(record: RecordReader): FileSwapped {
  const flags = record.u8();
  return { committed: (flags & 1) !== 0, durable: (flags & 2) !== 0, bytes: record.f64() };
}

class FileJobAnswer<End, Step> implements Answer {
  readonly #listener: Listener<End, Step>;

  constructor(listener: Listener<End, Step>) {
    this.#listener = listener;
  }

  take(kind: number, record: RecordReader): boolean {
    switch (kind) {
      case PROGRESS: {
        const step = record.string() as Step;
        const done = record.f64();
        const total = record.f64();
        this.#listener.progress?.(step, done, total < 0 ? undefined : total);
        return false;
      }
      case WANTED:
      case WANTED_DATABASE:
        this.#listener.wanted?.(record);
        return false;
      case SWAP_ERROR: {
        leave();
        const flags = record.u8();
        this.#listener.ended(readError(record, (flags & 1) !== 0), (flags & 2) !== 0);
        return true;
      }
      default:
        leave();
        this.#listener.ended(this.#listener.readEnd(record), false);
        return true;
    }
  }

  /** What a listener throws is the caller's own, and nobody's to catch. */
  fail(error: unknown): void {
    queueMicrotask(() => {
      throw error;
    });
  }
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
