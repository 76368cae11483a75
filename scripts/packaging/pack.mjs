import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { targets } from "../binaries/targets.mjs";
import { root } from "../support/root.mjs";
import { run } from "../support/run.mjs";
import { npm } from "../support/tools.mjs";

const MAIN = "build/packing/latchdb";

/**
 * Packs the main package and those of platforms, as they are published.
 *
 * @param {string} destination an existing folder
 * @param {string[]} bindings the folders of the platforms' packages
 * @returns {Promise<Array<{ name: string, filename: string, unpackedSize: number }>>}
 */
export async function packPackages(destination, bindings) {
  await stageMain();
  const folders = [MAIN, ...bindings].map((folder) => `./${folder}`);
  return npmPack(["--pack-destination", destination, ...folders]);
}

/** Copies what npm would pack of the checkout, and gives it the package.json that users get. */
async function stageMain() {
  const [{ files }] = await npmPack(["--dry-run", "."]);
  rmSync(join(root, MAIN), { recursive: true, force: true });
  for (const { path } of files) cpSync(join(root, path), join(root, MAIN, path));
  const committed = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const text = `${JSON.stringify(published(committed), null, 2)}\n`;
  writeFileSync(join(root, MAIN, "package.json"), text);
}

/**
 * The package.json that users get. A checkout cannot name the packages with the binaries: they do not
 * exist before the release, and `npm ci` needs them all in the lock file.
 */
function published({ private: _private, prettier: _prettier, ...committed }) {
  const bindings = targets.map(({ name }) => [`@latchdb/binding-${name}`, committed.version]);
  const optionalDependencies = Object.fromEntries(bindings.sort());
  return { ...committed, ...repository(), optionalDependencies };
}

/**
 * The repository that the release is made in. `latchdb-install` looks for binaries among its
 * releases, and npm wants it for provenance
 * (https://docs.github.com/actions/reference/workflows-and-actions/variables).
 */
function repository() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = process.env;
  if (!server || !name) return {};
  return { repository: { type: "git", url: `git+${server}/${name}.git` } };
}

async function npmPack(options) {
  const [command, ...args] = npm();
  const json = [];
  const { code, lines } = await run(command, [...args, "pack", "--json", "--silent", ...options], {
    onLine: (line) => json.push(line),
    describe: () => "npm pack",
  });
  if (code !== 0) throw new Error(`npm pack failed:\n${lines.join("\n")}`);
  return JSON.parse(json.join("\n"));
}
