/** Checks the options of database swaps and fills in the defaults. */
import type {
  DatabaseCopyOptions,
  DatabaseSwapOptions,
  DatabaseSwapProgress,
  InUse,
} from "../../../../types/swap.js";
import { DatabaseBackup, DatabaseInUse, type SwapDurability } from "../../../addon/binding.js";
import { absolutePath } from "../../native/paths";
import type { CallSignal } from "../../../client/call-signal";
import { parseSignal } from "../../../client/options";
import { LONGEST_MS } from "../../../client/timers";
import { pathNotFound } from "../errors";
import { checkFunction, durabilityOf } from "../options";
import { pathOf } from "../paths";

/** The default of `timeoutMs`, in ms. */
const TIMEOUT_MS = 10_000;

const IN_USE: Record<InUse, DatabaseInUse> = {
  refuse: DatabaseInUse.Refuse,
  wait: DatabaseInUse.Wait,
  "in-place": DatabaseInUse.InPlace,
};

/** The checked options that swaps and copies share. */
interface CheckedCommon {
  durability: SwapDurability;
  timeoutMs: number;
  onProgress: ((progress: DatabaseSwapProgress) => void) | undefined;
  signal: CallSignal | undefined;
}

/** Checked options of a swap, with the defaults filled in. */
export interface CheckedSwap extends CheckedCommon {
  /** Absolute, because the working directory may change before the swap begins. */
  source: string | undefined;
  build: DatabaseSwapOptions["build"];
  verify: DatabaseSwapOptions["verify"];
  backup: DatabaseBackup;
  /** A name in the target's directory. */
  backupName: string | undefined;
  inUse: DatabaseInUse;
}

/** Checked options of a copy. */
export interface CheckedCopy extends CheckedCommon {
  overwrite: boolean;
}

/**
 * @throws TypeError; SwapError for a wrong URL, and for a relative path if the working directory no longer
 * exists
 */
export function checkSwapOptions(options: DatabaseSwapOptions): CheckedSwap {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("a database swap needs options with build or source");
  }
  const { source, build, verify, backup = false, inUse = "refuse" } = options;
  if ((source === undefined) === (build === undefined)) {
    throw new TypeError("a database swap needs exactly one of build (a function) and source");
  }
  checkFunction(build, "build");
  checkFunction(verify, "verify");
  const backupName = typeof backup === "boolean" ? undefined : pathOf(backup, "backup");
  if (!Object.hasOwn(IN_USE, inUse)) {
    throw new TypeError(`inUse must be one of ${Object.keys(IN_USE).join(", ")}`);
  }
  return {
    ...checkCommon(options),
    source: source === undefined ? undefined : absolute(pathOf(source, "source")),
    build,
    verify,
    backup:
      backupName !== undefined
        ? DatabaseBackup.Named
        : backup
          ? DatabaseBackup.Pattern
          : DatabaseBackup.None,
    backupName,
    inUse: IN_USE[inUse],
  };
}

/** @throws TypeError */
export function checkCopyOptions(options: DatabaseCopyOptions): CheckedCopy {
  return { ...checkCommon(options), overwrite: options.overwrite === true };
}

function absolute(path: string): string {
  try {
    return absolutePath(path);
  } catch (error) {
    throw pathNotFound(error, path);
  }
}

function checkCommon(options: DatabaseCopyOptions): CheckedCommon {
  const { onProgress, timeoutMs = TIMEOUT_MS } = options;
  checkFunction(onProgress, "onProgress");
  if (!(typeof timeoutMs === "number" && timeoutMs >= 0)) {
    throw new TypeError("timeoutMs must be a number of milliseconds that is not negative");
  }
  return {
    durability: durabilityOf(options),
    timeoutMs: Math.min(timeoutMs, LONGEST_MS),
    onProgress,
    signal: parseSignal(options),
  };
}
