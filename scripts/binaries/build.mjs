import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { ask, runOrExplain } from "../support/run.mjs";
import { crossFolder, zigbuild } from "./zig.mjs";
import { standardLibraryFor } from "../offline/standard-library.mjs";
import { binaryPath, OLDEST_GLIBC, OLDEST_MACOS, packageFolder } from "./targets.mjs";

/** @typedef {import("./targets.mjs").Target} Target */

/**
 * Builds a target's binary into its package, with a build.json that says how.
 *
 * @param {Target} target
 * @returns {Promise<string>} how it was built
 * @throws {import("./not-here.mjs").NotHere} if this machine cannot
 */
export async function buildBinary(target) {
  const way = isAtHome(target) ? await withCargo(target) : await withZig(target);
  const standardLibrary = await standardLibraryFor(way.triple);
  rmSync(binaryPath(target), { force: true });
  const { code } = await runOrExplain(way.command, [...way.args, "--release", "--locked"], {
    describe: () => `${target.name}: ${way.name}`,
    env: { ...way.env, ...standardLibrary },
    minutes: 30,
  });
  if (code !== 0) throw new Error(`${way.name} failed: see its output above`);
  copyFileSync(join(way.output, way.triple, "release", libraryName(target)), binaryPath(target));
  writeNote(target, way);
  return `${way.name} --target ${way.triple}`;
}

/** Apple's and Microsoft's linkers run on their own systems only. On Linux, zig links against an old glibc. */
function isAtHome({ platform }) {
  return platform !== "linux" && platform === process.platform;
}

async function withCargo({ triple }) {
  return {
    name: "cargo build",
    triple,
    command: "cargo",
    args: ["build", "--target", triple],
    env: { MACOSX_DEPLOYMENT_TARGET: OLDEST_MACOS },
    output: join(root, "target"),
  };
}

async function withZig({ triple, standIn, libc }) {
  const { command, args, env } = await zigbuild();
  const rustTriple = standIn ?? triple;
  const output = join(crossFolder, "target");
  const wanted = libc === "glibc" ? `${rustTriple}.${OLDEST_GLIBC}` : rustTriple;
  return {
    name: "cargo zigbuild",
    triple: rustTriple,
    command,
    args: [...args, "--target", wanted],
    env: { ...env, CARGO_TARGET_DIR: output },
    output,
  };
}

function libraryName({ platform }) {
  if (platform === "win32") return "latchdb.dll";
  return platform === "darwin" ? "liblatchdb.dylib" : "liblatchdb.so";
}

/** Part of the package: tells a stand-in from a release's build (README.md of npm/win32-*). */
function writeNote(target, { name, triple }) {
  const note = { triple, rustc: ask("rustc", ["--version"]), builtWith: name };
  mkdirSync(packageFolder(target), { recursive: true });
  writeFileSync(join(packageFolder(target), "build.json"), `${JSON.stringify(note, null, 2)}\n`);
}
