/** The errors of swaps, and why swaps fail. */
import type { LibsqlError } from "@libsql/core/api";
import type { DatabaseSwapStep, Opener, SwapStep } from "../../../types/swap.js";
import { isError } from "../../client/errors";
import { errorOf, Failure } from "../../client/failure";

/** The properties of a {@link SwapError} besides its message. */
export interface SwapFailure {
  code: string;
  step: SwapStep | DatabaseSwapStep;
  path: string;
  errno?: string | undefined;
  committed?: boolean;
  openers?: readonly Opener[];
}

/** The error of every function of `latchdb/swap`. `swap.d.ts` describes its properties. */
export class SwapError extends Error {
  readonly code: string;
  readonly step: SwapStep | DatabaseSwapStep;
  readonly path: string;
  readonly errno: string | undefined;
  readonly committed: boolean;
  readonly openers: readonly Opener[];

  constructor(message: string, failure: SwapFailure, options?: ErrorOptions) {
    super(`${failure.code}: ${message}`, options);
    this.code = failure.code;
    this.step = failure.step;
    this.path = failure.path;
    this.errno = failure.errno;
    this.committed = failure.committed ?? false;
    this.openers = failure.openers ?? [];
  }
}
// On the prototype, as it is with Error itself: not among the error's own keys.
Object.defineProperty(SwapError.prototype, "name", { value: "SwapError" });

/** For a `prepare` that threw. */
export function prepareFailed(cause: unknown, stagingPath: string): Failure {
  return swapFailure(
    `prepare threw while it worked on ${stagingPath}: ${textOf(cause)}`,
    { code: "PREPARE_FAILED", step: "prepare", path: stagingPath },
    { cause },
  );
}

/** For a `build` that threw. */
export function buildFailed(cause: unknown, stagingPath: string): Failure {
  return swapFailure(
    `build threw while it made the new database, ${stagingPath}: ${textOf(cause)}. The old one is as it was`,
    { code: "BUILD_FAILED", step: "build", path: stagingPath },
    { cause },
  );
}

/** For a `build` whose client was closed from outside, whether that has made it fail or not. */
export function buildCutShort(stagingPath: string): Failure {
  return swapFailure(
    `${closedFromOutside("build")}: the new database, ${stagingPath}, may be incomplete. The old one is as it was`,
    { code: "BUILD_FAILED", step: "build", path: stagingPath },
  );
}

/** The same for a `verify`. */
export function verifyCutShort(stagingPath: string): Failure {
  return swapFailure(
    `${closedFromOutside("verify")}: the new database, ${stagingPath}, may not be verified. The old one is as it was`,
    { code: "VERIFY_FAILED", step: "verify", path: stagingPath },
  );
}

function closedFromOutside(what: string): string {
  return `shutdownAll(), or the host of this thread, closed a client of ${what} before that was done`;
}

/** For a `verify` that threw. */
export function verifyFailed(cause: unknown, stagingPath: string): Failure {
  return notVerified(`threw: ${textOf(cause)}`, stagingPath, { cause });
}

/** For a `verify` that returned false. */
export function verifySaidNo(stagingPath: string): Failure {
  return notVerified("said no", stagingPath);
}

function notVerified(what: string, stagingPath: string, options?: ErrorOptions): Failure {
  return swapFailure(
    `verify looked at the new database, ${stagingPath}, and ${what}. The old database is as it was`,
    { code: "VERIFY_FAILED", step: "verify", path: stagingPath },
    options,
  );
}

/** For data that could not be read. */
export function dataFailed(reason: unknown, target: string): Failure {
  return new Failure(() => {
    const cause = errorOf(reason);
    return new SwapError(
      `the data for ${target} broke off: ${textOf(cause)}`,
      { code: "DATA_FAILED", step: "write", path: target },
      { cause },
    );
  });
}

/** For a relative path if the working directory no longer exists; the addon has the same text. */
export function pathNotFound(cause: unknown, path: string): Failure {
  const { code: errno } = cause as NodeJS.ErrnoException;
  return swapFailure(
    `finding ${path}: ${textOf(cause)}. Change to a directory that is there, or give an absolute path`,
    { code: "IO_ERROR", step: "resolve", path, errno },
    { cause },
  );
}

/** A failure with a SwapError of this message. */
export function swapFailure(
  message: string,
  failure: SwapFailure,
  options?: ErrorOptions,
): Failure {
  return new Failure(() => new SwapError(message, failure, options));
}

/** For a URL that names no file. Neither text nor path repeat what may be a secret. */
export function wrongUrl(what: string, url: string, cause: LibsqlError, why: string): SwapError {
  const path = url.replace(/\/\/[^/?#]*@/, "//").replace(/[?#].*/s, "");
  return new SwapError(
    `${what} is a URL that names no file, ${path}: ${why}`,
    { code: cause.code, step: "resolve", path },
    { cause },
  );
}

/** For a path that is not UTF-8 (bytes), or not UTF-16 (a text). */
export function pathNotUtf8(what: string, path: string): SwapError {
  return new SwapError(
    `${what} is not valid Unicode, so that it cannot be passed on unchanged: ${path}. Use another path`,
    { code: "PATH_NOT_UTF8", step: "resolve", path },
  );
}

/** Never throws, so that a swap ends whatever a callback has thrown. */
function textOf(thrown: unknown): string {
  try {
    return String(isError(thrown) ? thrown.message : thrown);
  } catch {
    return "what it threw cannot be written as text";
  }
}
