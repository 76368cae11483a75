/** One job on files: a number, under which the addon's thread answers. */
import type { SwapStep } from "../../swap.js";
import { isMainThread } from "node:worker_threads";
import { addon } from "../addon/addon";
import { attach, expect, nextJob, type Answer } from "../native/delivery";
import { detachSoon } from "../native/open-databases";
import { PROGRESS, SWAPPED, WANTED, type RecordReader } from "../wire/response";
import { SwapError } from "./errors";

/** How a job ended well. */
export interface Ended {
  committed: boolean;
  durable: boolean;
  bytes: number;
}

/** What its owner does when the thread says something. */
export interface Listener {
  /** The thread waits for the next piece of the content (""), or for `prepare` with this path. */
  wanted?(stagingPath: string): void;
  progress?(step: SwapStep, done: number, total: number | undefined): void;
  /** It is over. `aborted`: the error is the end that was asked for. */
  ended(outcome: Ended | SwapError, aborted: boolean): void;
}

/** Tells the addon of a new job. */
export type StartFileJob = (attachment: number, job: number) => void;

/** How many jobs are under way. */
let running = 0;

/** Begins a job. */
export function startFileJob(start: StartFileJob, listener: Listener): void {
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

class FileJobAnswer implements Answer {
  readonly #listener: Listener;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  take(kind: number, record: RecordReader): boolean {
    switch (kind) {
      case PROGRESS: {
        const step = record.string() as SwapStep;
        const done = record.f64();
        const total = record.f64();
        this.#listener.progress?.(step, done, total < 0 ? undefined : total);
        return false;
      }
      case WANTED:
        this.#listener.wanted?.(record.string());
        return false;
      case SWAPPED: {
        leave();
        const flags = record.u8();
        const bytes = record.f64();
        this.#listener.ended(
          { committed: (flags & 1) !== 0, durable: (flags & 2) !== 0, bytes },
          false,
        );
        return true;
      }
      default: {
        leave();
        const flags = record.u8();
        const code = record.string();
        const step = record.string() as SwapStep;
        const path = record.string();
        const errno = record.string() || undefined;
        const committed = (flags & 1) !== 0;
        const failure = { code, step, path, errno, committed };
        this.#listener.ended(new SwapError(record.string(), failure), (flags & 2) !== 0);
        return true;
      }
    }
  }

  /** What a listener throws is the caller's own, and nobody's to catch. */
  fail(error: unknown): void {
    queueMicrotask(() => {
      throw error;
    });
  }
}
