import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { packageVersion } from "../binaries/targets.mjs";
import { root } from "../support/root.mjs";
import { ask } from "../support/run.mjs";

/** Everything that running for other platforms fetches and keeps. It can be removed at any time. */
export const platformsFolder = join(root, "build", "platforms");

/**
 * Unpacks the packages of artifacts/ as an installation would, with the one binary of a target, and puts
 * the smoke suite beside them.
 *
 * @param {import("../binaries/targets.mjs").Target} target
 * @param {string} [folder] where to
 * @returns {{ program: string, package: string }} the suite's program, and the package
 * @throws {Error} if they are not packed
 */
export function installPacked(target, folder = join(platformsFolder, "installed", target.name)) {
  rmSync(folder, { recursive: true, force: true });
  const installed = join(folder, "node_modules/latchdb");
  unpack(`latchdb-${packageVersion}.tgz`, installed);
  const binding = `binding-${target.name}`;
  unpack(
    `latchdb-${binding}-${packageVersion}.tgz`,
    join(folder, "node_modules/@latchdb", binding),
  );
  copyDependencies(installed, join(folder, "node_modules"));
  cpSync(join(root, "build/test/smoke"), join(folder, "smoke"), { recursive: true });
  return { program: join(folder, "smoke/smoke.mjs"), package: installed };
}

function unpack(name, folder) {
  const archive = join(root, "artifacts", name);
  if (!existsSync(archive)) {
    throw new Error(`artifacts/${name} is missing: \`npm run build:all\` makes it`);
  }
  mkdirSync(folder, { recursive: true });
  if (ask("tar", ["-xzf", archive, "-C", folder, "--strip-components=1"]) === undefined) {
    throw new Error(`tar could not extract artifacts/${name}`);
  }
}

/** Copies a package's dependencies, and theirs, from our own node_modules. */
function copyDependencies(packageFolder, nodeModules) {
  const { dependencies = {} } = JSON.parse(
    readFileSync(join(packageFolder, "package.json"), "utf8"),
  );
  for (const name of Object.keys(dependencies)) {
    const place = join(nodeModules, name);
    if (existsSync(place)) continue;
    cpSync(join(root, "node_modules", name), place, { recursive: true });
    copyDependencies(place, nodeModules);
  }
}
