/** Options that the calls of every backend take. */
import type { ShutdownOptions } from "../../index.js";
import { describe } from "./describe";
import { CallSignal } from "./call-signal";
import { parseTimeout } from "./config";
import { LONGEST_MS } from "./timers";

/** The default of `timeoutMs`, in ms. */
const DEFAULT_DRAIN_MS = 10_000;

/** An option of the calls that take no statement object. */
export interface SignalOption {
  /** Aborts the call: it rejects with the signal's reason, unless it has already finished. */
  signal?: AbortSignal | undefined;
}

/**
 * The signal that a call was given, if any.
 * @throws TypeError if it is not an AbortSignal; what its members throw
 */
export function parseSignal(options: object | undefined): CallSignal | undefined {
  const signal = (options as SignalOption | undefined)?.signal ?? undefined;
  return signal === undefined ? undefined : CallSignal.of(signal);
}

/**
 * The limit of the time of each statement that the call was given, in ms; undefined if it was not.
 * @throws TypeError, RangeError
 */
export function parseQueryTimeout(options: object | undefined): number | undefined {
  const queryTimeout = (options as { queryTimeout?: unknown } | undefined)?.queryTimeout;
  return parseTimeout(queryTimeout, "queryTimeout");
}

/**
 * How many rows an iterator fetches at once at most; undefined if it was not said.
 * @throws TypeError, RangeError
 */
export function parseChunk(
  options: { chunk?: number | undefined } | undefined,
): number | undefined {
  const chunk = options?.chunk;
  if (chunk === undefined) return undefined;
  if (typeof chunk !== "number")
    throw new TypeError(`chunk is a number of rows, not ${describe(chunk)}`);
  if (!Number.isInteger(chunk) || chunk < 1 || chunk >= 2 ** 32) {
    throw new RangeError(`chunk is a whole number of rows from 1 on, not ${chunk}`);
  }
  return chunk;
}

/**
 * Fills in the defaults of a shutdown's options. Times beyond the range of timers become the longest
 * time that timers support.
 * @throws TypeError, RangeError
 */
export function parseShutdownOptions(options: ShutdownOptions = {}): Required<ShutdownOptions> {
  const { drain = false, timeoutMs = DEFAULT_DRAIN_MS } = options;
  if (typeof timeoutMs !== "number") {
    throw new TypeError(`timeoutMs is a number of milliseconds, not ${typeof timeoutMs}`);
  }
  if (Number.isNaN(timeoutMs)) throw new RangeError("timeoutMs is NaN");
  return { drain: Boolean(drain), timeoutMs: Math.min(Math.max(timeoutMs, 0), LONGEST_MS) };
}
