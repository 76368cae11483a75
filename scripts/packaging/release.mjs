import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { runOrExplain } from "../support/run.mjs";
import { MAX_MEGABYTES } from "../binaries/check.mjs";
import { binaryName, packageVersion } from "../binaries/targets.mjs";
import { packPackages } from "./pack.mjs";

/** @typedef {import("../binaries/targets.mjs").Target} Target */

const FOLDER = "artifacts";

/** The version of Node-API in Cargo.toml. prebuild-install expects it in file names. */
const NODE_API_VERSION = 8;

/**
 * Packs a release into artifacts/: the package itself, those of the targets, an archive per target for
 * prebuild-install, and SHA256SUMS.
 *
 * @param {Target[]} targets whose binaries are built and checked
 * @returns {Promise<string>} what it did
 */
export async function packRelease(targets) {
  rmSync(join(root, FOLDER), { recursive: true, force: true });
  mkdirSync(join(root, FOLDER));
  const folders = targets.map(({ name }) => `npm/${name}`);
  for (const { name, unpackedSize } of await packPackages(FOLDER, folders)) {
    if (unpackedSize <= MAX_MEGABYTES * 1e6) continue;
    const megabytes = (unpackedSize / 1e6).toFixed(1);
    throw new Error(`${name} unpacks to ${megabytes} MB, over ${MAX_MEGABYTES}`);
  }
  for (const target of targets) await packForPrebuildInstall(target);
  const count = writeSums();
  return `${count} files and SHA256SUMS in ${FOLDER}/`;
}

async function packForPrebuildInstall(target) {
  const file = `${FOLDER}/${prebuildName(target)}`;
  // Relative names, because tar takes C:\ for a host name.
  const args = ["-czf", file, "-C", `npm/${target.name}`, binaryName(target)];
  const { code } = await runOrExplain("tar", args);
  if (code !== 0) throw new Error(`tar could not write ${file}`);
}

/** The name that prebuild-install asks for. It treats musl as a platform. */
function prebuildName({ platform, arch, libc }) {
  const platformName = libc === "musl" ? "linuxmusl" : platform;
  return `latchdb-v${packageVersion}-napi-v${NODE_API_VERSION}-${platformName}-${arch}.tar.gz`;
}

/** In the format of sha256sum. */
function writeSums() {
  const names = readdirSync(join(root, FOLDER)).sort();
  const sums = names.map((name) => {
    const hash = createHash("sha256").update(readFileSync(join(root, FOLDER, name)));
    return `${hash.digest("hex")}  ${name}\n`;
  });
  writeFileSync(join(root, FOLDER, "SHA256SUMS"), sums.join(""));
  return names.length;
}
