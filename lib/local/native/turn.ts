/**
 * The time that calls take on the thread of JavaScript, in each turn of the event loop. A loop of awaited
 * calls goes on in microtasks alone: without a bound, timers and sockets would wait for its end.
 */
import { performance } from "node:perf_hooks";
import { setImmediate } from "../../client/timers";

/** The time for which calls run on this thread in one turn, with the caller's code between them, in ms. */
const TURN_MS = 4;
/** The number of calls between two looks at the clock. */
const BETWEEN_LOOKS = 8;

let began = 0;
let calls = 0;
let isOver = false;
let isNextScheduled = false;
/** What goes on in the next turn, in this order. */
const waiting: Array<() => void> = [];

/** Whether a further call may run on this thread in this turn. If not, it waits for the next turn. */
export function hasTime(): boolean {
  return !isOver;
}

/** A call has run on this thread. */
export function ran(): void {
  if (calls++ === 0) {
    began = performance.now();
    scheduleNext();
  } else if (calls % BETWEEN_LOOKS === 0) {
    isOver = performance.now() - began > TURN_MS;
  }
}

/** Calls a function in the next turn in which there is time. */
export function inNextTurn(goOn: () => void): void {
  waiting.push(goOn);
  scheduleNext();
}

function scheduleNext(): void {
  if (isNextScheduled) return;
  isNextScheduled = true;
  setImmediate(begin);
}

function begin(): void {
  isNextScheduled = false;
  isOver = false;
  calls = 0;
  // What waits from now on comes in a later turn, after that for which no time is left in this one.
  let left = waiting.length;
  try {
    while (left-- > 0 && hasTime()) waiting.shift()?.();
  } finally {
    // After an exception, too: a defect of one client does not stop the others.
    if (waiting.length > 0) scheduleNext();
  }
}
