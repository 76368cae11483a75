/**
 * The timers of the moment when latchdb was loaded: fake timers that a test installs later do not
 * stop the delivery of answers.
 */
import * as timers from "node:timers";

export const { clearTimeout, setImmediate, setTimeout } = timers;

/** The longest time that timers support, in ms: 24 days. */
export const LONGEST_MS = 2 ** 31 - 1;
