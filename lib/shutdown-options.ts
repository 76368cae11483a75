/** What the calls that shut something down are given. */
import type { ShutdownOptions } from "../index.js";
import { LONGEST_MS } from "./timers";

/** How long a draining takes at most, in ms, where its caller does not say. */
const DEFAULT_DRAIN_MS = 10_000;

/**
 * The options as they are meant; times that timers do not know are the longest that they know.
 * @throws TypeError, RangeError
 */
export function givenShutdownOptions(options: ShutdownOptions = {}): Required<ShutdownOptions> {
  const { drain = false, timeoutMs = DEFAULT_DRAIN_MS } = options;
  if (typeof timeoutMs !== "number") {
    throw new TypeError(`timeoutMs is a number of milliseconds, not ${typeof timeoutMs}`);
  }
  if (Number.isNaN(timeoutMs)) throw new RangeError("timeoutMs is NaN");
  return { drain: Boolean(drain), timeoutMs: Math.min(Math.max(timeoutMs, 0), LONGEST_MS) };
}
