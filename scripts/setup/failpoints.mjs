import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { ask, runOrExplain } from "../support/run.mjs";

/**
 * Builds the addon with its failpoints (src/failpoints.rs): a debug build, which loses a safeguard where
 * FAILPOINTS says so. cargo alone does it, with the dependencies that `cargo test` has compiled:
 * `napi build` would compile them once more, for the same target by its name.
 *
 * @returns {Promise<string>} the path of the addon, for NAPI_RS_NATIVE_LIBRARY_PATH
 */
export async function buildFailpoints() {
  const { code } = await runOrExplain("cargo", ["build", "--features", "failpoints"]);
  if (code !== 0) throw new Error("the build with failpoints failed");
  const addon = join(root, "build", "failpoints", "latchdb.node");
  mkdirSync(join(root, "build", "failpoints"), { recursive: true });
  copyFileSync(library(), addon);
  return addon;
}

/** What cargo has built, under the platform's name for a library. */
function library() {
  const { target_directory: target } = JSON.parse(
    ask("cargo", ["metadata", "--format-version=1", "--no-deps"]),
  );
  const [prefix, extension] = { darwin: ["lib", "dylib"], win32: ["", "dll"] }[
    process.platform
  ] ?? ["lib", "so"];
  return join(target, "debug", `${prefix}latchdb.${extension}`);
}
