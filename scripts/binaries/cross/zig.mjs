import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fingerprint } from "../../support/fingerprint.mjs";
import { ask, runOrExplain } from "../../support/run.mjs";
import { Stamp } from "../../support/stamp.mjs";
import { NotHere } from "../not-here.mjs";
import { OLDEST_MACOS } from "../targets.mjs";
import { crossFolder } from "./folder.mjs";

const REQUIREMENTS = "scripts/binaries/cross/requirements.txt";
const python = join(crossFolder, "python");
const stamp = new Stamp("build/cross/python/installed-from");

/**
 * `cargo zigbuild`: cargo, with zig as the linker and as SQLite's C compiler.
 *
 * @returns {Promise<{ command: string, args: string[], env: Record<string, string> }>}
 * @throws {NotHere} where pip is missing
 */
export async function zigbuild() {
  await installZig();
  const caches = join(crossFolder, "zig-cache");
  return {
    command: join(python, "bin", "cargo-zigbuild"),
    args: ["zigbuild"],
    env: {
      CARGO_ZIGBUILD_ZIG_PATH: join(python, "ziglang", "zig"),
      CARGO_ZIGBUILD_CACHE_DIR: join(caches, "cargo-zigbuild"),
      ZIG_GLOBAL_CACHE_DIR: join(caches, "global"),
      ZIG_LOCAL_CACHE_DIR: join(caches, "local"),
      MACOSX_DEPLOYMENT_TARGET: OLDEST_MACOS,
      LIBNODE_PATH: emptyLibnode(),
    },
  };
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
  if (code !== 0) throw new Error("pip could not fetch zig: what it printed stands above");
  stamp.write(wanted);
}

/**
 * A libnode with nothing in it. napi's build script wants one for Windows without msvc; the addon
 * looks Node-API's symbols up when it is loaded, and needs none.
 */
function emptyLibnode() {
  const folder = join(crossFolder, "libnode");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "libnode.dll"), "");
  writeFileSync(join(folder, "libnode.a"), "!<arch>\n");
  return folder;
}
