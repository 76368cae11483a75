import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { installForSystem } from "./registry.mjs";

/**
 * The stock client for Windows, in the version that we compare ourselves with everywhere, and the
 * program that shows how it closes there.
 *
 * @param {import("../binaries/targets.mjs").Target} target
 * @returns {Promise<{ program: string, package: string }>} paths
 */
export async function installStock(target) {
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const version = devDependencies["@libsql/client"];
  const folder = await installForSystem("@libsql/client", version, target);
  cpSync(join(root, "build/test/smoke"), join(folder, "smoke"), { recursive: true });
  return {
    program: join(folder, "smoke/stock-on-windows.mjs"),
    package: join(folder, "node_modules/@libsql/client"),
  };
}
