import { packAll, tarballs } from "../packaging/pack.mjs";
import { runOrExplain } from "../support/run.mjs";
import { tool } from "../support/tools.mjs";
import { node, runAva } from "./ava.mjs";
import { verdict } from "./stage.mjs";

/**
 * Packs, and has publint look at what could be published from here: the main package and this
 * machine's. The others have no binary in them.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const publint = {
  name: "publint",
  async run() {
    const { main, binding } = await packAll();
    const check = (tarball) => runNode([tool("publint"), tarball, "--strict"]);
    return verdict(await check(main), await check(binding));
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
    return verdict(await runNode([tool("@arethetypeswrong/cli", "attw"), tarballs().main]));
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

async function runNode(args) {
  return (await runOrExplain(process.execPath, args)).code === 0;
}
