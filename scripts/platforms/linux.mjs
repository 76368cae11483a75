import { copyFileSync, cpSync, mkdirSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { unpackDebian } from "./debian.mjs";
import { installPacked } from "./installed-package.mjs";
import { runProgram } from "./program.mjs";
import { provideQemu } from "./qemu.mjs";
import { LIBRARIES_IN_WHEEL, NODE_IN_WHEEL, nodeFromPyPi } from "./registry.mjs";

/** The Node that runs the smoke suite on other Linuxes: PyPI has it for all of them. */
export const NODE_VERSION = "24.19.0";

/** Debian's release with musl 1.2.5: Node crashes on 1.2.3, which the one before has. */
const MUSL_SUITE = "trixie";

const DEBIAN_ARCH = { x64: "amd64", arm64: "arm64" };
const WHEEL_ARCH = { x64: "x86_64", arm64: "aarch64" };

/** @typedef {import("../binaries/targets.mjs").Target} Target */

/**
 * Gets the smoke suite ready for arm64 with glibc, emulated, with a C library of its own.
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
 * Gets the smoke suite ready for musl, in a root folder that has nothing else: whoever looks which C
 * library there is finds that one. arm64 is emulated.
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
