/**
 * Fetches the answers that the addon's threads have queued, and dispatches them to the waiting calls.
 * Threads identify a job by its number only; this module maps numbers to calls.
 */
import { performance } from "node:perf_hooks";
import { threadId } from "node:worker_threads";
import { addon } from "../../addon/addon";
import { publishPanic } from "../../addon/panics";
import { AsyncContext } from "../../client/async-context";
import { setImmediate } from "../../client/timers";
import { RecordKind } from "../wire/kinds";
import { endsJob, RecordReader } from "../wire/response";

/**
 * Receives the answer of one job. Its methods do not run in the async context of the call: a receiver
 * that runs a caller's code has to enter that itself. Settling a promise needs no context.
 */
export interface Answer {
  /**
   * Takes one record.
   * @returns whether it was the last record
   */
  take(kind: number, record: RecordReader): boolean;
  /**
   * Called if `take` threw. The call rejects with that error once the job has ended; `isOver` says
   * whether it has. Never throws.
   */
  fail(error: unknown, isOver: boolean): void;
}

/**
 * The time for which answers are read in one turn of the event loop, in ms. Reading one fetch takes
 * less than 1 ms, so a turn stays well below 10 ms.
 */
const TURN_MS = 2;

/**
 * The size of the buffer for fetches, in bytes. It is more than the addon fetches at once: only a large row
 * needs a buffer of its own.
 */
const FETCH_BYTES = 256 * 1024;

/** The job number of requests from other environments. */
export const REQUESTS = 0;

/**
 * The async context in which answers arrive: the one in which latchdb was loaded. The context of the
 * first call would stay referenced, with the contents of its AsyncLocalStorage, for as long as anything
 * is open.
 */
const loading = new AsyncContext("latchdb.Delivery");

const waiting = new Map<number, Answer>();
let lastJob = 0;
let attachment: number | undefined;
/** The number of open databases. */
let held = 0;
let detaching: NodeJS.Immediate | undefined;
/** The buffer for fetches, while it is not in use. */
let spare: RecordReader | undefined;

/**
 * The addon's number of this copy of latchdb. It stays the same while something is open or an answer
 * is expected; `detachSoon` has to follow if nothing of both comes of it.
 */
export function attach(): number {
  attachment ??= loading.runInAsyncScope(() => addon.attach(deliver, threadId));
  return attachment;
}

/** Stays attached until `release`: a database is open. */
export function hold(): void {
  held++;
}

/** The end of `hold`. */
export function release(): void {
  held--;
  detachSoon();
}

/**
 * Detaches from the addon in the next turn of the event loop, unless a database is open then or an
 * answer is expected: their end calls this again. An attached copy of latchdb cannot be garbage
 * collected, and its thread-safe function is an open handle to tools that look for those.
 */
export function detachSoon(): void {
  if (!isIdle()) return;
  detaching ??= setImmediate(() => {
    detaching = undefined;
    if (attachment !== undefined && isIdle() && addon.detach(attachment)) {
      attachment = undefined;
      spare = undefined;
    }
  });
}

function isIdle(): boolean {
  return held === 0 && waiting.size === (waiting.has(REQUESTS) ? 1 : 0);
}

/** Takes a number for a new job. */
export function nextJob(): number {
  do lastJob = (lastJob + 1) >>> 0;
  while (lastJob === REQUESTS || waiting.has(lastJob));
  return lastJob;
}

/** Registers the receiver of a job's answer. */
export function expect(job: number, answer: Answer): void {
  waiting.set(job, answer);
}

/** Fetches answers. The addon calls this when there are some. */
export function deliver(): void {
  if (attachment === undefined) return;
  const began = performance.now();
  // A step of a swap is the caller's code: if that runs an event loop of its own, deliveries are nested.
  const reader = spare ?? new RecordReader(new ArrayBuffer(FETCH_BYTES));
  spare = undefined;
  let isEmpty = false;
  try {
    while (performance.now() - began < TURN_MS) {
      const fetched = addon.takeResults(attachment, reader.bytes);
      isEmpty = fetched === 0;
      if (isEmpty) return;
      if (typeof fetched === "number") {
        reader.restart(fetched);
        dispatchAll(reader);
      } else {
        dispatchAll(new RecordReader(fetched));
      }
    }
  } finally {
    spare = reader;
    // The addon calls again only after a fetch has returned nothing: until then, continue here.
    if (isEmpty) detachSoon();
    else setImmediate(deliver);
  }
}

function dispatchAll(records: RecordReader): void {
  while (records.next()) dispatch(records.job, records.kind, records);
}

function dispatch(job: number, kind: number, record: RecordReader): void {
  if (kind === RecordKind.Panic) return publishPanic(record.panic());
  const answer = waiting.get(job);
  if (answer !== undefined && pass(answer, job, kind, record)) waiting.delete(job);
}

/** Reads an answer that is complete, and that nobody waits for. */
export function readAnswer(record: RecordReader, answer: Answer): void {
  while (record.next()) {
    if (record.kind === RecordKind.Panic) publishPanic(record.panic());
    else if (pass(answer, record.job, record.kind, record)) return;
  }
}

/**
 * Passes a record to the receiver of its job.
 * @returns whether it was the last record
 */
function pass(answer: Answer, job: number, kind: number, record: RecordReader): boolean {
  try {
    return answer.take(kind, record);
  } catch (error) {
    const isOver = endsJob(kind) && job !== REQUESTS;
    answer.fail(error, isOver);
    return isOver;
  }
}
