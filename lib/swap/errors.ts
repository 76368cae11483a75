/** The errors of swaps. */
import type { SwapStep } from "../../swap.js";

/** What a {@link SwapError} says besides its text. */
export interface SwapFailure {
  code: string;
  step: SwapStep;
  path: string;
  errno?: string | undefined;
  committed?: boolean;
  /** Who has the database open, where that is the failure. */
  openers?: { pid: number; name: string }[];
}

/** See `swap.d.ts`. */
export class SwapError extends Error {
  readonly code: string;
  readonly step: SwapStep;
  readonly path: string;
  readonly errno: string | undefined;
  readonly committed: boolean;

  constructor(message: string, failure: SwapFailure, options?: ErrorOptions) {
    super(`${failure.code}: ${message}`, options);
    this.code = failure.code;
    this.step = failure.step;
    this.path = failure.path;
    this.errno = failure.errno;
    this.committed = failure.committed ?? false;
  }
}
// On the prototype, as it is with Error itself: not among the error's own keys.
Object.defineProperty(SwapError.prototype, "name", { value: "SwapError" });

/** For a `prepare` that threw. */
export function prepareFailed(cause: unknown, stagingPath: string): SwapError {
  return new SwapError(
    `prepare threw while it worked on ${stagingPath}: ${textOf(cause)}`,
    { code: "PREPARE_FAILED", step: "prepare", path: stagingPath },
    { cause },
  );
}

/** For data that could not be had. */
export function dataFailed(cause: unknown, target: string): SwapError {
  return new SwapError(
    `the data for ${target} broke off: ${textOf(cause)}`,
    { code: "DATA_FAILED", step: "write", path: target },
    { cause },
  );
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
