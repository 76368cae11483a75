/**
 * The time that calls take on the thread of JavaScript, in each turn of the event loop. A loop of awaited
 * calls goes on in microtasks alone: without a bound, timers and sockets would wait for its end.
 */
import { performance } from "node:perf_hooks";
import { setImmediate } from "../../client/timers";

/** The time for which calls run on this thread in one turn, in ms. */
const TURN_MS = 1;

let spent = 0;
let isOver = true;

const begin = (): void => {
  spent = 0;
  isOver = true;
};

/** Whether a further call may run on this thread in this turn. */
export function hasTime(): boolean {
  return spent < TURN_MS;
}

/** A call has run on this thread since `began` (`performance.now()`). */
export function ran(began: number): void {
  spent += performance.now() - began;
  if (!isOver) return;
  isOver = false;
  setImmediate(begin);
}
