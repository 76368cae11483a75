import { copyFileSync, cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { binaryName, ownTarget, packageVersion, targets } from "../binaries/targets.mjs";
import { packPackages } from "../packaging/pack.mjs";
import { root } from "../support/root.mjs";
import { runOrExplain } from "../support/run.mjs";
import { tool } from "../support/tools.mjs";
import { node, runAva } from "./ava.mjs";
import { verdict } from "./stage.mjs";

/** Where the tests find the packages. */
const PACKED = "build/packages";

const main = join(root, PACKED, `latchdb-${packageVersion}.tgz`);

/**
 * Packs every package as it would be published, and has publint look at those that could be published
 * from here: the main package and this machine's. The others have no binary in them: they are there
 * for package managers to leave out.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const publint = {
  name: "publint",
  async run() {
    rmSync(join(root, PACKED), { recursive: true, force: true });
    mkdirSync(join(root, PACKED), { recursive: true });
    await packPackages(PACKED, targets.map(stageBinding));
    const name = `latchdb-binding-${ownTarget().name}-${packageVersion}.tgz`;
    const check = (tarball) => runNode([tool("publint"), tarball, "--strict"]);
    return verdict(await check(main), await check(join(root, PACKED, name)));
  },
};

/**
 * Has "Are the types wrong?" look at the types of every subpath.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const attw = {
  name: "attw",
  async run() {
    return verdict(await runNode([tool("@arethetypeswrong/cli", "attw"), main]));
  },
};

/**
 * Installs what was packed, with three package managers, and runs programs with it.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const installedPackages = {
  name: "packages",
  run: () => runAva(node, ["--config", "__test__/packaging/ava.config.mjs"]),
};

/**
 * Bundlers, test runners and versions of TypeScript, with what was packed. Their packages are many:
 * `npm test` leaves this out.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const otherTools = {
  name: "packages with other tools",
  run: () => runAva(node, ["--config", "__test__/packaging/tools/ava.config.mjs"]),
};

/**
 * Installs frameworks, with ours in the place of `@libsql/client`, and runs programs with them.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const frameworks = {
  name: "frameworks",
  run: () => runAva(node, ["--config", "__test__/packaging/frameworks.ava.config.mjs"]),
};

/** Copies a platform's package, with its binary where it was built here. */
function stageBinding(target) {
  const folder = `build/bindings/${target.name}`;
  rmSync(join(root, folder), { recursive: true, force: true });
  cpSync(join(root, "npm", target.name), join(root, folder), { recursive: true });
  if (target === ownTarget()) {
    copyFileSync(join(root, binaryName(target)), join(root, folder, binaryName(target)));
  }
  return folder;
}

async function runNode(args) {
  return (await runOrExplain(process.execPath, args)).code === 0;
}
