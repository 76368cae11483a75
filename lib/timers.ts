/**
 * The timers that were there when latchdb was loaded: a test that puts others in their place later on
 * does not stop the answers.
 */
import * as timers from "node:timers";

export const { clearTimeout, setImmediate, setTimeout } = timers;

/** The longest time that timers know, in ms: 24 days. */
export const LONGEST_MS = 2 ** 31 - 1;
