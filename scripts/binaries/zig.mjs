import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fingerprint } from "../support/fingerprint.mjs";
import { root } from "../support/root.mjs";
import { ask, runOrExplain } from "../support/run.mjs";
import { Stamp } from "../support/stamp.mjs";
import { NotHere } from "./not-here.mjs";
import { OLDEST_MACOS } from "./targets.mjs";

const REQUIREMENTS = "scripts/binaries/requirements.txt";
/** Everything that cross-building fetches and keeps. It can be removed at any time. */
export const crossFolder = join(root, "build", "cross");

const python = join(crossFolder, "python");
const zig = join(python, "ziglang", "zig");
const caches = join(crossFolder, "zig-cache");
const cacheFolders = {
  CARGO_ZIGBUILD_CACHE_DIR: join(caches, "cargo-zigbuild"),
  ZIG_GLOBAL_CACHE_DIR: join(caches, "global"),
  ZIG_LOCAL_CACHE_DIR: join(caches, "local"),
};
const stamp = new Stamp("build/cross/python/installed-from");

/**
 * `cargo zigbuild`: cargo, with zig as the linker and as SQLite's C compiler.
 *
 * @returns {Promise<{ command: string, args: string[], env: Record<string, string> }>}
 * @throws {NotHere} if pip is missing
 */
export async function zigbuild() {
  await installZig();
  return {
    command: join(python, "bin", "cargo-zigbuild"),
    args: ["zigbuild"],
    env: {
      ...cacheFolders,
      CARGO_ZIGBUILD_ZIG_PATH: zig,
      MACOSX_DEPLOYMENT_TARGET: OLDEST_MACOS,
      LIBNODE_PATH: emptyLibnode(),
    },
  };
}

/**
 * Compiles C.
 *
 * @param {string[]} args as cc takes them
 * @param {string} output
 */
export async function compileC(args, output) {
  await installZig();
  const { code } = await runOrExplain(zig, ["cc", ...args, "-o", output], { env: cacheFolders });
  if (code !== 0) throw new Error(`zig cc could not make ${output}`);
}

async function installZig() {
  const wanted = fingerprint([REQUIREMENTS]);
  if (stamp.is(wanted)) return;
  if (ask("python3", ["-m", "pip", "--version"]) === undefined) {
    throw new NotHere("python3 with pip is missing: zig and cargo-zigbuild are fetched with it");
  }
  const { code } = await runOrExplain(
    "python3",
    ["-m", "pip", "install", "--quiet", "--no-cache-dir", "--upgrade", "--target", python].concat([
      "--requirement",
      REQUIREMENTS,
    ]),
    { describe: () => "pip install cargo-zigbuild ziglang" },
  );
  if (code !== 0) throw new Error("pip could not fetch zig: see its output above");
  stamp.write(wanted);
}

/**
 * An empty libnode. napi's build script wants one for Windows without msvc. The addon does not use it:
 * it looks up Node-API's symbols when it is loaded.
 */
function emptyLibnode() {
  const folder = join(crossFolder, "libnode");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "libnode.dll"), "");
  writeFileSync(join(folder, "libnode.a"), "!<arch>\n");
  return folder;
}
