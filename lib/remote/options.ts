/** Options of the calls of remote clients. */
import type { CallSignal } from "../client/call-signal";
import { parseTimeout } from "../client/config";
import { parseSignal } from "../client/options";
import type { Statement } from "../client/statement";
import { OPTIONS } from "../client/statement-options";
import type { RunOptions } from "./calls";

/**
 * The options of a call.
 * @param given a statement object, or an object with options; a text has none
 * @param signal the signal in it, where it was parsed already
 * @throws TypeError, RangeError
 */
export function parseRunOptions(given: unknown, signal?: CallSignal): RunOptions {
  if (typeof given !== "object" || given === null) return {};
  const { queryTimeout, [OPTIONS]: options } = given as Record<string, unknown> & Statement;
  return {
    signal: signal ?? parseSignal(given),
    queryTimeout: options?.queryTimeout ?? parseTimeout(queryTimeout, "queryTimeout"),
  };
}
