import { packAll, tarballs } from "../packaging/pack.mjs";
import { runOrExplain } from "../support/run.mjs";
import { tool } from "../support/tools.mjs";
import { runAva } from "./ava.mjs";
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
    const result = { passed: 0, failed: 0 };
    for (const tarball of [main, binding]) {
      const args = [tool("publint"), tarball, "--strict"];
      const { code } = await runOrExplain(process.execPath, args);
      if (code === 0) result.passed += 1;
      else result.failed += 1;
    }
    return result;
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
    const program = tool("@arethetypeswrong/cli", "attw");
    const { code } = await runOrExplain(process.execPath, [program, tarballs().main]);
    return verdict(code === 0);
  },
};

/**
 * Installs what was packed, with three package managers, and runs programs with it.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const installedPackages = {
  name: "packages",
  run: () =>
    runAva("packages", process.execPath, false, ["--config", "__test__/packaging/ava.config.mjs"]),
};
