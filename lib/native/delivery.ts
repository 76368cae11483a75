/**
 * Fetches the answers that the lanes' threads have left, and gives them to those who wait. Threads
 * know jobs by number only; what a number means is known here.
 */
import { addon } from "../addon/addon";
import { readRecords, type RecordReader } from "../wire/response";

/** Whoever waits for the answer of one job. */
export interface Answer {
  /**
   * Takes one record.
   * @returns whether it was the last one
   */
  take(kind: number, record: RecordReader): boolean;
  /** Taking a record threw: the promise shall reject with that once the job has ended. */
  fail(error: unknown): void;
}

/**
 * How long answers are read in one turn of the event loop, in ms, before others get theirs. A
 * single fetch takes less than 1 ms to read, so a turn stays well below 10 ms.
 */
const TURN_MS = 3;

/** The number by which the addon knows this copy of our JavaScript. */
export const attachment = addon.attach(deliver);

const waiting = new Map<number, Answer>();
let lastJob = 0;

/** A number for a new job. */
export function nextJob(): number {
  do lastJob = (lastJob + 1) >>> 0;
  while (lastJob === 0 || waiting.has(lastJob));
  return lastJob;
}

/** Waits for the answer of a job. */
export function expect(job: number, answer: Answer): void {
  waiting.set(job, answer);
}

/** Called by the addon when there are answers to fetch. */
export function deliver(): void {
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
  try {
    if (answer.take(kind, record)) waiting.delete(job);
  } catch (error) {
    answer.fail(error);
  }
}
