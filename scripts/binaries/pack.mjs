import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { run, runOrExplain } from "../support/run.mjs";
import { npm } from "../support/tools.mjs";
import { MAX_MEGABYTES } from "./check.mjs";
import { binaryName, packageVersion } from "./targets.mjs";

/** @typedef {import("./targets.mjs").Target} Target */

const FOLDER = "artifacts";

/** The version of Node-API that Cargo.toml asks for: prebuild-install looks for it in names. */
const NODE_API_VERSION = 8;

/**
 * Packs what is to be released into artifacts/: the package itself, those of the targets, an archive
 * per target for prebuild-install, and SHA256SUMS.
 *
 * @param {Target[]} targets whose binaries are built and checked
 * @returns {Promise<string>} what it did
 */
export async function packAll(targets) {
  rmSync(join(root, FOLDER), { recursive: true, force: true });
  mkdirSync(join(root, FOLDER));
  await packPackages(targets);
  for (const target of targets) await packForPrebuildInstall(target);
  const count = writeSums();
  return `${count} files and SHA256SUMS in ${FOLDER}/`;
}

async function packPackages(targets) {
  const [command, ...args] = npm();
  const folders = [".", ...targets.map(({ name }) => `./npm/${name}`)];
  const json = [];
  const { code, lines } = await run(
    command,
    [...args, "pack", "--json", "--silent", "--pack-destination", FOLDER, ...folders],
    { onLine: (line) => json.push(line), describe: () => "npm pack" },
  );
  if (code !== 0) throw new Error(`npm pack failed:\n${lines.join("\n")}`);
  for (const { name, unpackedSize } of JSON.parse(json.join("\n"))) {
    if (unpackedSize <= MAX_MEGABYTES * 1e6) continue;
    throw new Error(
      `${name} unpacks to ${(unpackedSize / 1e6).toFixed(1)} MB, over ${MAX_MEGABYTES}`,
    );
  }
}

async function packForPrebuildInstall(target) {
  const file = `${FOLDER}/${prebuildName(target)}`;
  // Relative names, for tar takes the colon of C:\ for a machine's.
  const args = ["-czf", file, "-C", `npm/${target.name}`, binaryName(target)];
  const { code } = await runOrExplain("tar", args);
  if (code !== 0) throw new Error(`tar could not write ${file}`);
}

/** What prebuild-install asks for; its name for musl is a platform of its own. */
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
