import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { runOrExplain } from "../support/run.mjs";
import { npm } from "../support/tools.mjs";
import { platformsFolder } from "./installed-package.mjs";

/**
 * Installs the stock client for Windows, in the version that the tests compare with, and the program
 * that shows how it closes there.
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

/**
 * Installs an npm package and its dependencies as on another system.
 *
 * @param {string} name
 * @param {string} version
 * @param {{ platform: string, arch: string }} system
 * @returns {Promise<string>} the folder that has its `node_modules`
 */
export async function installForSystem(name, version, { platform, arch }) {
  const folder = join(
    platformsFolder,
    "npm",
    `${name.replace("/", "-")}-${version}-${platform}-${arch}`,
  );
  if (existsSync(join(folder, "node_modules", name))) return folder;
  mkdirSync(folder, { recursive: true });
  const [command, ...args] = npm();
  const system = [`--os=${platform}`, `--cpu=${arch}`, "--prefix", folder];
  const quiet = [
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
    "--loglevel=error",
  ];
  const { code } = await runOrExplain(
    command,
    [...args, "install", ...system, ...quiet, "--force", `${name}@${version}`],
    { describe: () => `npm install ${name}@${version} for ${platform}` },
  );
  if (code !== 0) throw new Error(`npm could not install ${name}@${version}`);
  return folder;
}
