import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { ask, runOrExplain } from "../support/run.mjs";
import { npm } from "../support/tools.mjs";

/**
 * Installs a version of Node into build/runtimes, from npm's `node-<platform>-<arch>` packages.
 *
 * @param {number} major
 * @returns {Promise<{ path: string, version: string } | undefined>} undefined if none
 * runs here
 */
export async function findNode(major) {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const folder = join(root, "build", "runtimes", `node-${major}`);
  const program = process.platform === "win32" ? "node.exe" : "node";
  const path = join(folder, "node_modules", name, "bin", program);
  if (!existsSync(path)) {
    const [command, ...args] = npm();
    const install = ["install", "--prefix", folder, "--no-save", "--ignore-scripts"];
    await runOrExplain(command, [...args, ...install, "--loglevel=error", `${name}@${major}`]);
  }
  const version = ask(path, ["--version"]);
  return version === undefined ? undefined : { path, version: version.replace(/^v/, "") };
}
