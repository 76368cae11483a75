/** Takes the first binary that opens and is of our own version, or says why there is none. */
import { types } from "node:util";
import type * as binding from "./binding.js";
import type { Opened } from "./binaries";
import { type Platform, tripleOf } from "./platform";

/** The addon's functions. The build generates binding.d.ts. */
export type Addon = typeof binding;

/** Where to look for binaries, and for which platform. Tests pass their own. */
export interface Surroundings {
  /** Our own version. */
  version: string;
  platform: Platform;
  /** The runtime, for messages. */
  runtime: string;
  /** NAPI_RS_NATIVE_LIBRARY_PATH: if it is set, only that file is tried. */
  override: string | undefined;
  localBinary(triple: string): string;
  bindingPackage(triple: string): string;
  openFile(path: string): Opened;
  openLocal(triple: string): Opened;
  openPackage(triple: string): Opened | undefined;
}

/** No binary could be loaded. The message says what was tried, and what to do. */
export class AddonNotLoadedError extends Error {
  readonly code = "ADDON_NOT_LOADED";
}
// On the prototype, as with Error itself, so that it is not one of the error's own keys.
Object.defineProperty(AddonNotLoadedError.prototype, "name", { value: "AddonNotLoadedError" });

/** A place that has no usable binary, and why. */
interface Failure {
  where: string;
  why: string;
  cause?: unknown;
}

/**
 * Loads the addon.
 * @throws AddonNotLoadedError
 */
export function loadAddon(surroundings: Surroundings): Addon {
  const failures: Failure[] = [];
  for (const { where, opened } of candidates(surroundings)) {
    const failure = failureOf(opened, surroundings.version);
    if (failure === undefined) return (opened as { exports: Addon }).exports;
    failures.push({ where, ...failure });
  }
  throw notLoaded(surroundings, failures);
}

/** The candidates, in order. Each is opened only when those before it have failed. */
function* candidates(from: Surroundings): Generator<{ where: string; opened: Opened }> {
  if (from.override !== undefined) {
    const where = `NAPI_RS_NATIVE_LIBRARY_PATH=${from.override}`;
    yield { where, opened: from.openFile(from.override) };
    return;
  }
  const triple = tripleOf(from.platform);
  yield { where: from.localBinary(triple), opened: from.openLocal(triple) };
  const installed = from.openPackage(triple);
  if (installed !== undefined) yield { where: from.bindingPackage(triple), opened: installed };
}

function failureOf(opened: Opened, version: string): Omit<Failure, "where"> | undefined {
  if ("problem" in opened) {
    if (isMissing(opened.problem)) return { why: "not there" };
    return { why: `cannot be loaded: ${textOf(opened.problem)}`, cause: opened.problem };
  }
  const found = versionOf(opened.exports);
  if (found === version) return undefined;
  return { why: `is of version ${found ?? "unknown"}, and this is latchdb ${version}` };
}

function versionOf(exports: unknown): string | undefined {
  const { version } = exports as Partial<Addon>;
  return typeof version === "function" ? version() : undefined;
}

/** Whether the file or package itself is not there. */
function isMissing(problem: unknown): boolean {
  const code = (problem as { code?: unknown }).code;
  return code === "MODULE_NOT_FOUND" || code === "ERR_MODULE_NOT_FOUND";
}

function notLoaded(from: Surroundings, failures: Failure[]): AddonNotLoadedError {
  const triple = tripleOf(from.platform);
  const lines = [
    `latchdb ${from.version} could load no binary for ${triple} (${from.runtime}). Tried:`,
    ...failures.map(({ where, why }) => `  - ${where}: ${why}`),
    "What to do:",
    ...advice(from, triple, failures).map((line) => `  - ${line}`),
  ];
  const cause = failures.find((failure) => failure.cause !== undefined)?.cause;
  return new AddonNotLoadedError(lines.join("\n"), cause === undefined ? {} : { cause });
}

/** Whether the runtime loads no addon at all: another binary would not help. */
function isDisabled({ cause }: Failure): boolean {
  return (cause as { code?: unknown } | undefined)?.code === "ERR_DLOPEN_DISABLED";
}

function advice(from: Surroundings, triple: string, failures: Failure[]): string[] {
  const isPublished = failures.some(({ where }) => where === from.bindingPackage(triple));
  if (failures.some(isDisabled)) {
    return [
      "let Node load addons: add --allow-addons where --permission (Node 20: --experimental-permission) " +
        "is given, and take --no-addons away; look into NODE_OPTIONS, too",
    ];
  }
  if (from.override !== undefined) {
    return ["unset NAPI_RS_NATIVE_LIBRARY_PATH, or let it name a binary of this version"];
  }
  const fromSource =
    "build it, with Rust and a C compiler: npx latchdb-install --build-from-source";
  if (!isPublished) return [`there is none on npm for ${triple}: ${fromSource}`];
  return [
    `install again, with optional dependencies: they bring ${from.bindingPackage(triple)}`,
    "fetch the binary of this release: npx latchdb-install",
    fromSource,
  ];
}

function textOf(problem: unknown): string {
  // An error of the loader is of another realm where a test runner has loaded this module.
  return types.isNativeError(problem) ? problem.message : String(problem);
}
