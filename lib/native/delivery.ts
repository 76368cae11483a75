/**
 * Fetches the answers that the lanes' threads have left, and gives them to those who wait. Threads
 * know jobs by number only; what a number means is known here.
 */
import { AsyncResource } from "node:async_hooks";
import { performance } from "node:perf_hooks";
import { threadId } from "node:worker_threads";
import { addon } from "../addon/addon";
import { setImmediate } from "../timers";
import { endsJob, readRecords, type RecordReader } from "../wire/response";

/**
 * Whoever waits for the answer of one job. Its methods are called in no caller's async context: an answer
 * that calls a caller's code takes care of that. A promise that is settled needs nothing.
 */
export interface Answer {
  /**
   * Takes one record.
   * @returns whether it was the last one
   */
  take(kind: number, record: RecordReader): boolean;
  /**
   * Taking a record threw: the promise rejects with that once the job has ended. `isOver` says whether it
   * has: then nothing more comes. Never throws.
   */
  fail(error: unknown, isOver: boolean): void;
}

/**
 * How long answers are read in one turn of the event loop, in ms, before others get theirs. A
 * single fetch takes less than 1 ms to read, so a turn stays well below 10 ms.
 */
const TURN_MS = 3;

/** The job under which the requests of other environments come in. */
export const REQUESTS = 0;

/**
 * The async context in which answers arrive: the one in which latchdb was loaded, because that of the first
 * call would be kept, with what its AsyncLocalStorage holds, for as long as anything is open. What is a
 * caller's own code runs in the context of its call: see {@link Answer}.
 */
const loading = new AsyncResource("latchdb.Delivery");

const waiting = new Map<number, Answer>();
let lastJob = 0;
let attachment: number | undefined;

/**
 * The number by which the addon knows this copy of our JavaScript. It keeps its number while it has
 * something open or waits for something.
 */
export function attach(): number {
  attachment ??= loading.runInAsyncScope(() => addon.attach(deliver, threadId));
  return attachment;
}

/**
 * Gives the number back, where nothing is open and nothing is waited for: while it is attached, this
 * copy of our JavaScript cannot be collected.
 *
 * @returns whether it was so
 */
export function detach(): boolean {
  if (attachment !== undefined && !addon.detach(attachment)) return false;
  attachment = undefined;
  return true;
}

/** A number for a new job. */
export function nextJob(): number {
  do lastJob = (lastJob + 1) >>> 0;
  while (lastJob === REQUESTS || waiting.has(lastJob));
  return lastJob;
}

/** Waits for the answer of a job. */
export function expect(job: number, answer: Answer): void {
  waiting.set(job, answer);
}

/** Called by the addon when there are answers to fetch. */
export function deliver(): void {
  if (attachment === undefined) return;
  const began = performance.now();
  let isEmpty = false;
  try {
    while (performance.now() - began < TURN_MS) {
      const records = addon.takeResults(attachment);
      isEmpty = records === null;
      if (records === null) return;
      readRecords(records, dispatch);
    }
  } finally {
    // The addon rings again only after it was found empty: going on is up to us.
    if (!isEmpty) setImmediate(deliver);
  }
}

function dispatch(job: number, kind: number, record: RecordReader): void {
  const answer = waiting.get(job);
  if (answer === undefined) return;
  let isOver = true;
  try {
    isOver = answer.take(kind, record);
  } catch (error) {
    isOver = endsJob(kind) && job !== REQUESTS;
    answer.fail(error, isOver);
  }
  if (isOver) waiting.delete(job);
}
