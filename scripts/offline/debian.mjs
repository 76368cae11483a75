import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NotHere } from "../binaries/not-here.mjs";
import { ask, runOrExplain } from "../support/run.mjs";
import { platformsFolder } from "../smoke/installed-package.mjs";

/**
 * Unpacks Debian packages and their dependencies into a folder. Installs nothing on the machine, and
 * does not need root.
 *
 * @param {object} wanted
 * @param {string} wanted.name of the folder
 * @param {string[]} wanted.packages
 * @param {string} wanted.arch as Debian calls it
 * @param {string} [wanted.suite] of Debian (this machine's)
 * @param {boolean} [wanted.isBesideOurs] whether to use this machine's libraries too
 * @param {(root: string) => void} [wanted.configure] does the work of the packages' own scripts
 * @returns {Promise<string>} the folder in which `/` is
 * @throws {NotHere} on anything but Debian
 */
export async function unpackDebian({
  name,
  packages,
  arch,
  suite,
  isBesideOurs = false,
  configure,
}) {
  const folder = join(platformsFolder, name);
  const root = join(folder, "root");
  if (existsSync(root)) return root;
  const apt = prepareApt(folder, { packages, arch, suite, isBesideOurs });
  await aptGet([...apt, "update"], "apt-get update");
  const download = ["--download-only", "--no-install-recommends", "--yes", "install", ...packages];
  await aptGet([...apt, ...download], `downloading ${packages.join(", ")}`);
  const archives = join(folder, "cache", "archives");
  const incomplete = `${root}.incomplete`;
  rmSync(incomplete, { recursive: true, force: true });
  for (const file of readdirSync(archives).filter((candidate) => candidate.endsWith(".deb"))) {
    const { code } = await runOrExplain("dpkg-deb", ["-x", join(archives, file), incomplete]);
    if (code !== 0) throw new Error(`${file} could not be unpacked`);
  }
  configure?.(incomplete);
  rmSync(archives, { recursive: true });
  renameSync(incomplete, root);
  return root;
}

async function aptGet(args, what) {
  const { code } = await runOrExplain("apt-get", ["-qq", ...args], { describe: () => what });
  if (code !== 0) throw new Error(`${what} failed: see apt-get's output above`);
}

/** Options that make apt-get work in our folder, with this machine's Debian mirror. */
function prepareApt(folder, { packages, arch, suite, isBesideOurs }) {
  const source = debianSource();
  if (source === undefined) {
    throw new NotHere(
      `cannot fetch ${packages.join(", ")}: that takes apt-get with Debian's packages. ` +
        "Install it, or run this on Debian",
    );
  }
  for (const place of ["lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(folder, place), { recursive: true });
  }
  const sourcesFile = join(folder, "sources.list");
  writeFileSync(sourcesFile, `deb ${source.uri} ${suite ?? source.suite} main\n`);
  const ownStatus = join(folder, "status");
  writeFileSync(ownStatus, "");
  const options = {
    "APT::Architecture": arch,
    "APT::Architectures": arch,
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
    "Debug::NoLocking": "true",
    "Dir::Cache": join(folder, "cache"),
    "Dir::Etc::SourceList": sourcesFile,
    "Dir::Etc::SourceParts": "-",
    "Dir::State::Lists": join(folder, "lists"),
    "Dir::State::Status": isBesideOurs ? "/var/lib/dpkg/status" : ownStatus,
  };
  return Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
}

/** The mirror and suite of this machine. */
function debianSource() {
  const targets = ask("apt-get", ["indextargets", "--format", "$(REPO_URI) $(RELEASE)"]) ?? "";
  const [, uri, suite] = /^(\S+\/debian\/?) ([a-z]+)$/m.exec(targets) ?? [];
  return uri === undefined ? undefined : { uri, suite };
}
