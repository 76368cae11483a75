/** What database swaps are given, checked: what is wrong in itself is a TypeError. */
import type {
  DatabaseCopyOptions,
  DatabaseSwapOptions,
  DatabaseSwapProgress,
  InUse,
} from "../../../types/swap.js";
import { DatabaseBackup, DatabaseInUse, type SwapDurability } from "../../addon/binding.js";
import { absolutePath } from "../../paths";
import { givenSignal } from "../../statement";
import { LONGEST_MS } from "../../timers";
import { pathNotFound } from "../errors";
import { checkFunction, checkPath, durabilityOf } from "../options";

/** How long to wait, in ms, where the caller does not say. */
const TIMEOUT_MS = 10_000;

const IN_USE: Record<InUse, DatabaseInUse> = {
  refuse: DatabaseInUse.Refuse,
  wait: DatabaseInUse.Wait,
  "in-place": DatabaseInUse.InPlace,
};

/** What both a swap and a copy know. */
interface CheckedWays {
  durability: SwapDurability;
  timeoutMs: number;
  onProgress: ((progress: DatabaseSwapProgress) => void) | undefined;
  signal: AbortSignal | undefined;
}

/** Checked options of a swap, with the defaults filled in. */
export interface CheckedSwap extends CheckedWays {
  /** Absolute: it may be long until the swap begins. */
  source: string | undefined;
  build: DatabaseSwapOptions["build"];
  verify: DatabaseSwapOptions["verify"];
  backup: DatabaseBackup;
  /** Beside the target, wherever that is: no matter of the working directory. */
  backupName: string | undefined;
  inUse: DatabaseInUse;
}

/** Checked options of a copy. */
export interface CheckedCopy extends CheckedWays {
  overwrite: boolean;
}

/** @throws TypeError; SwapError where a relative path means nothing any more */
export function checkSwapOptions(options: DatabaseSwapOptions): CheckedSwap {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("a database swap needs options with build or source");
  }
  const { source, build, verify, backup = false, inUse = "refuse" } = options;
  if ((source === undefined) === (build === undefined)) {
    throw new TypeError("a database swap needs exactly one of build (a function) and source");
  }
  if (source !== undefined) checkPath(source, "source");
  checkFunction(build, "build");
  checkFunction(verify, "verify");
  if (typeof backup === "string") checkPath(backup, "backup");
  else if (typeof backup !== "boolean") throw new TypeError("backup must be a boolean or a name");
  if (!Object.hasOwn(IN_USE, inUse)) {
    throw new TypeError(`inUse must be one of ${Object.keys(IN_USE).join(", ")}`);
  }
  return {
    ...checkWays(options),
    source: source === undefined ? undefined : absolute(source),
    build,
    verify,
    backup:
      typeof backup === "string"
        ? DatabaseBackup.Named
        : backup
          ? DatabaseBackup.Pattern
          : DatabaseBackup.None,
    backupName: typeof backup === "string" ? backup : undefined,
    inUse: IN_USE[inUse],
  };
}

/** @throws TypeError */
export function checkCopyOptions(options: DatabaseCopyOptions): CheckedCopy {
  return { ...checkWays(options), overwrite: options.overwrite === true };
}

function absolute(path: string): string {
  try {
    return absolutePath(path);
  } catch (error) {
    throw pathNotFound(error, path);
  }
}

function checkWays(options: DatabaseCopyOptions): CheckedWays {
  const { onProgress, timeoutMs = TIMEOUT_MS } = options;
  checkFunction(onProgress, "onProgress");
  if (!(typeof timeoutMs === "number" && timeoutMs >= 0)) {
    throw new TypeError("timeoutMs must be a number of milliseconds that is not negative");
  }
  return {
    durability: durabilityOf(options),
    timeoutMs: Math.min(timeoutMs, LONGEST_MS),
    onProgress,
    signal: givenSignal(options),
  };
}
