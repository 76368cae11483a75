/** Checks the options of `swapFile` and fills in the defaults. */
import type { Durability, SwapData, SwapOptions } from "../../../types/swap.js";
import { SwapDurability } from "../../addon/binding.js";
import type { CallSignal } from "../../client/call-signal";
import { parseSignal } from "../../client/options";
import { pathOf } from "./paths";

/** The default of `retryMs`, the time for which refusals of Windows are retried, in ms. */
const RETRY_MS = 8000;

const DURABILITIES: Record<Durability, SwapDurability> = {
  full: SwapDurability.Full,
  barrier: SwapDurability.Barrier,
  none: SwapDurability.None,
};

/** Checked options, with the defaults filled in. */
export interface CheckedOptions {
  source: string | undefined;
  data: SwapData | undefined;
  prepare: ((stagingPath: string) => unknown) | undefined;
  durability: SwapDurability;
  skipIfSame: boolean;
  mode: number | undefined;
  retryMs: number;
  moveAside: boolean;
  signal: CallSignal | undefined;
  onProgress: SwapOptions["onProgress"];
}

/** @throws TypeError; SwapError for a `source` that is a wrong URL */
export function checkOptions(options: SwapOptions): CheckedOptions {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("swapFile() needs options with source or data");
  }
  const { source, data, prepare, mode, onProgress } = options;
  if ((source === undefined) === (data === undefined)) {
    throw new TypeError("swapFile() needs exactly one of source (a path) and data");
  }
  if (mode !== undefined && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o7777)) {
    throw new TypeError("mode must be an integer from 0 to 0o7777, for example 0o755");
  }
  checkFunction(prepare, "prepare");
  checkFunction(onProgress, "onProgress");
  return {
    source: source === undefined ? undefined : pathOf(source, "source"),
    data,
    prepare,
    durability: durabilityOf(options),
    skipIfSame: options.skipIfSame === true,
    mode,
    retryMs: retryMsOf(options),
    moveAside: options.moveAside === true,
    signal: parseSignal(options),
    onProgress,
  };
}

/** The `durability` option, or its default. @throws TypeError */
export function durabilityOf({
  durability = "full",
}: {
  durability?: Durability | undefined;
}): SwapDurability {
  if (Object.hasOwn(DURABILITIES, durability)) return DURABILITIES[durability];
  throw new TypeError(`durability must be one of ${Object.keys(DURABILITIES).join(", ")}`);
}

/** The `retryMs` option, or its default. @throws TypeError */
export function retryMsOf({ retryMs = RETRY_MS }: { retryMs?: number | undefined }): number {
  if (!(typeof retryMs === "number" && retryMs >= 0)) {
    throw new TypeError("retryMs must be a number of milliseconds that is not negative");
  }
  return retryMs;
}

/** @throws TypeError */
export function checkFunction(given: unknown, what: string): void {
  if (given !== undefined && typeof given !== "function") {
    throw new TypeError(`${what} must be a function`);
  }
}
