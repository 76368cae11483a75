import { join } from "node:path";
import { ask } from "../support/run.mjs";
import { unpackDebian } from "./debian.mjs";

const PROGRAM = "qemu-aarch64-static";

/**
 * The program that runs programs for arm64: the one that is installed, or Debian's.
 *
 * @returns {Promise<string>} its path
 * @throws {import("../binaries/not-here.mjs").NotHere} where there is neither
 */
export async function provideQemu() {
  const installed = ask("sh", ["-c", `command -v ${PROGRAM}`]);
  if (installed !== undefined) return installed;
  const packages = ["qemu-user-static"];
  const root = await unpackDebian({ name: "qemu", packages, arch: "amd64", isBesideOurs: true });
  return join(root, "usr/bin", PROGRAM);
}
