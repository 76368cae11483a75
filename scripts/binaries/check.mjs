import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { runOrExplain } from "../support/run.mjs";
import { OLDEST_GLIBC, OLDEST_MACOS } from "./targets.mjs";

/** @typedef {import("./targets.mjs").Target} Target */

/**
 * What a shared library's own tables say, as `xtask` reads them.
 *
 * @typedef {object} Facts
 * @property {string} [problem] why they could not be read: then there is nothing else
 * @property {"ELF" | "PE" | "Mach-O"} format
 * @property {string} machine `x64`, `arm64`, or the name of another
 * @property {boolean} isSharedLibrary
 * @property {string[]} libraries those that it needs
 * @property {Import[]} imports
 * @property {string[]} exports
 * @property {boolean} hasDebugSymbols whether there is more than loading takes: it was not stripped
 * @property {boolean} [staysLoaded] ELF: dlclose leaves it in memory (DF_1_NODELETE)
 * @property {string} [oldestSystem] Mach-O: the macOS version that it was built for
 * @property {boolean} [isSigned] Mach-O: Apple silicon loads nothing that is not
 *
 * A symbol that a library wants from another.
 *
 * @typedef {object} Import
 * @property {string} name without the underscore that macOS puts before it
 * @property {string} [library] where the file says which
 * @property {string} [version] of the symbol, `GLIBC_2.17`: ELF only
 * @property {boolean} isOptional the file loads without it
 */

/** The largest package of a platform that we allow. */
export const MAX_MEGABYTES = 4.5;

const FORMATS = { linux: "ELF", darwin: "Mach-O", win32: "PE" };

/** The function that Node calls when it loads an addon. */
const ENTRY_POINT = "napi_register_module_v1";

/** Symbols of the process that loads the addon. */
const NODE_API = /^(napi|node_api)_/;

/** Libraries that every such system has, so that users need to install none. */
const SYSTEM_LIBRARIES = {
  glibc:
    /^(lib(c|m)\.so\.6|libpthread\.so\.0|lib(dl|util)\.so\.2|librt\.so\.1|ld-linux-.*\.so\.\d)$/,
  musl: /^(libc\.so|libc\.musl-\w+\.so\.1)$/,
  darwin: /^\/(usr\/lib|System\/Library)\//,
  // The C runtime "api-ms-win-crt-*" is part of Windows 10 and later; vcruntime140.dll is not.
  win32:
    /^(kernel32|ntdll|advapi32|bcrypt|bcryptprimitives|userenv|ws2_32|api-ms-win-(core|crt)-[\w-]+)\.dll$/i,
};

/**
 * Checks that a file is the target's addon, and that it runs on every system of that kind.
 *
 * @param {Target} target
 * @param {string} path
 * @returns {Promise<{ megabytes: number, glibc?: string }>} `glibc`: the newest version that it asks for
 * @throws {Error} the message names every problem
 */
export async function checkBinary(target, path) {
  const bytes = readFileSync(path);
  const facts = await readFacts(path);
  const problems = [...problemsOf(target, facts, bytes)];
  if (problems.length > 0) throw new Error(problems.join("; "));
  return { megabytes: megabytesOf(bytes), glibc: newestGlibc(facts) };
}

/** @returns {Promise<Facts>} */
async function readFacts(path) {
  const cargo = ["run", "--quiet", "--locked", "--manifest-path", "xtask/Cargo.toml"];
  const printed = [];
  const { code } = await runOrExplain("cargo", [...cargo, path], {
    onLine: (line) => printed.push(line),
    describe: () => "cargo run, in xtask",
  });
  if (code !== 0) throw new Error("xtask could not be built or run");
  return JSON.parse(printed.join(""));
}

/**
 * What is wrong with a target's binary.
 *
 * @param {Target} target
 * @param {Facts} facts
 * @param {Buffer} bytes the file
 */
export function* problemsOf(target, facts, bytes) {
  const { problem, format, machine } = facts;
  if (problem !== undefined) return yield problem;
  if (format !== FORMATS[target.platform]) {
    return yield `it is ${format}, not ${FORMATS[target.platform]}`;
  }
  if (machine !== target.arch) return yield `it is for ${machine}, not for ${target.arch}`;
  yield* problemsOfKind(facts);
  yield* problemsOfImports(target, facts);
  yield* problemsOfLoading(target, facts);
  yield* problemsOfSqlite(bytes);
  const megabytes = megabytesOf(bytes);
  if (megabytes > MAX_MEGABYTES) {
    yield `it has ${megabytes.toFixed(1)} MB, over ${MAX_MEGABYTES}`;
  }
}

function megabytesOf(bytes) {
  return bytes.length / 1e6;
}

/** @param {Facts} facts */
function* problemsOfKind({ isSharedLibrary, exports, hasDebugSymbols }) {
  if (!isSharedLibrary) yield "it is no shared library";
  if (!exports.includes(ENTRY_POINT)) yield `it is no addon: it does not export ${ENTRY_POINT}`;
  if (hasDebugSymbols) yield "it is not stripped";
}

/** @param {Target} target @param {Facts} facts */
function* problemsOfImports(target, { libraries, imports }) {
  const system = SYSTEM_LIBRARIES[target.libc ?? target.platform];
  for (const library of libraries.filter((name) => !system.test(name))) {
    yield `it needs ${library}, which not every system has`;
  }
  for (const { name } of imports.filter((symbol) => !isAccountedFor(target, symbol))) {
    yield `it imports ${name}, which is neither Node-API's nor a system library's`;
  }
}

/** Whether the symbol will be found. The library's own name was checked already. */
function isAccountedFor({ libc }, { name, library, isOptional }) {
  if (NODE_API.test(name) || isOptional || library !== undefined) return true;
  // musl's symbols do not name a library. The linker has found each of them in one
  // (.cargo/config.toml, `-z defs`).
  return libc === "musl";
}

/** @param {Target} target @param {Facts} facts */
function* problemsOfLoading(target, facts) {
  const glibc = newestGlibc(facts);
  if (target.libc === "musl" && glibc !== undefined) yield "it asks for glibc";
  if (glibc !== undefined && isNewer(glibc, OLDEST_GLIBC)) {
    yield `it asks for glibc ${glibc}, newer than ${OLDEST_GLIBC}`;
  }
  if (target.platform === "linux" && !facts.staysLoaded) {
    yield "it may be unloaded: DF_1_NODELETE is missing (.cargo/config.toml, `-z nodelete`)";
  }
  if (target.platform !== "darwin") return;
  if (facts.oldestSystem === undefined || isNewer(facts.oldestSystem, OLDEST_MACOS)) {
    yield `it asks for macOS ${facts.oldestSystem ?? "?"}, newer than ${OLDEST_MACOS}`;
  }
  if (target.arch === "arm64" && !facts.isSigned) yield "it is not signed: no Mac would load it";
}

/** SQLite keeps its compile-time options as strings: `DQS=0`. */
function* problemsOfSqlite(bytes) {
  for (const option of sqliteOptions()) {
    const isThere = bytes.includes(`\0${option}\0`, 0, "latin1");
    if (!isThere) yield `SQLite was compiled without ${option} (.cargo/config.toml)`;
  }
}

function sqliteOptions() {
  const config = readFileSync(join(root, ".cargo", "config.toml"), "utf8");
  return [...config.matchAll(/-DSQLITE_(\w+(?:=\w+)?)/g)].map(([, option]) => option);
}

/** @param {Facts} facts */
export function newestGlibc({ imports }) {
  return imports
    .map(({ version }) => /^GLIBC_([\d.]+)$/.exec(version ?? "")?.[1])
    .filter((version) => version !== undefined)
    .reduce(
      (newest, version) => (newest && !isNewer(version, newest) ? newest : version),
      undefined,
    );
}

/** Whether version `a` is newer than `b`. */
function isNewer(a, b) {
  return a.localeCompare(b, "en", { numeric: true }) > 0;
}
