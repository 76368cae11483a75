import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";

/**
 * A platform with a binary. package.json (`napi.targets`) and the loader (lib/addon) name the same.
 *
 * @typedef {object} Target
 * @property {string} name as in the names of packages and files
 * @property {string} triple as rustc calls it
 * @property {"linux" | "darwin" | "win32"} platform as `process.platform`
 * @property {"x64" | "arm64"} arch as `process.arch`
 * @property {"glibc" | "musl"} [libc] as npm calls it
 * @property {string} [standIn] the triple to build for on other systems
 */

/** @type {Target[]} */
export const targets = [
  linux("linux-x64-gnu", "x86_64-unknown-linux-gnu", "x64", "glibc"),
  linux("linux-x64-musl", "x86_64-unknown-linux-musl", "x64", "musl"),
  linux("linux-arm64-gnu", "aarch64-unknown-linux-gnu", "arm64", "glibc"),
  linux("linux-arm64-musl", "aarch64-unknown-linux-musl", "arm64", "musl"),
  macos("darwin-x64", "x86_64-apple-darwin", "x64"),
  macos("darwin-arm64", "aarch64-apple-darwin", "arm64"),
  windows("win32-x64-msvc", "x86_64-pc-windows", "x64"),
  windows("win32-arm64-msvc", "aarch64-pc-windows", "arm64"),
];

/** The oldest glibc that the binaries run with; Rust's own floor. Node 20 wants 2.28. */
export const OLDEST_GLIBC = "2.17";

/** The oldest macOS that the binaries run with. Node 20 wants 11.0, too. */
export const OLDEST_MACOS = "11.0";

function linux(name, triple, arch, libc) {
  return { name, triple, platform: "linux", arch, libc };
}

function macos(name, triple, arch) {
  return { name, triple, platform: "darwin", arch };
}

function windows(name, base, arch) {
  return { name, triple: `${base}-msvc`, platform: "win32", arch, standIn: `${base}-gnullvm` };
}

/**
 * The targets with these names; without names, all.
 *
 * @param {string[]} names
 * @throws {Error} if there is no such target
 */
export function targetsNamed(names) {
  if (names.length === 0) return targets;
  return names.map((name) => {
    const target = targets.find((candidate) => candidate.name === name);
    if (target !== undefined) return target;
    const known = targets.map((candidate) => candidate.name).join(", ");
    throw new Error(`there is no target ${name}. There are: ${known}`);
  });
}

/** The target that this process runs on. @throws {Error} where there is none */
export function ownTarget() {
  const { platform, arch } = process;
  const libc = platform === "linux" ? ownLibc() : undefined;
  const target = targets.find(
    (candidate) =>
      candidate.platform === platform && candidate.arch === arch && candidate.libc === libc,
  );
  if (target !== undefined) return target;
  throw new Error(`there is no binary for ${[platform, arch, libc].filter(Boolean).join(" ")}`);
}

/** Node's report has glibc's version only if it runs with glibc. */
function ownLibc() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? "musl" : "glibc";
}

/** The version of all packages. @type {string} */
export const packageVersion = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;

/** The folder of the target's package. @param {Target} target */
export function packageFolder(target) {
  return join(root, "npm", target.name);
}

/** The name under which the loader asks for the binary. @param {Target} target */
export function binaryName(target) {
  return `latchdb.${target.name}.node`;
}

/** Where the target's package has its binary. @param {Target} target */
export function binaryPath(target) {
  return join(packageFolder(target), binaryName(target));
}
