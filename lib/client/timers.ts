/**
 * The timers of the moment when latchdb was loaded: fake timers that a test installs later do not
 * stop the delivery of answers.
 */
import { builtin } from "./builtin";

/** Node's own, which no test runner has replaced; elsewhere the runtime's. */
const timers: Pick<typeof globalThis, "clearTimeout" | "setTimeout"> & {
  setImmediate?: typeof globalThis.setImmediate;
} = builtin("node:timers") ?? globalThis;

/** The function, for a call without its object: browsers take no other `this` than the global one. */
function unbound<F extends (...args: never[]) => unknown>(timer: F): F {
  return timer.bind(globalThis) as F;
}

export const clearTimeout = unbound(timers.clearTimeout);
export const setTimeout = unbound(timers.setTimeout);
/** Browsers have none: there the next turn of the event loop comes with a timer. */
export const setImmediate: typeof globalThis.setImmediate =
  timers.setImmediate ?? (((callback: () => void) => setTimeout(callback, 0)) as never);

/** The longest time that timers support, in ms: 24 days. */
export const LONGEST_MS = 2 ** 31 - 1;
