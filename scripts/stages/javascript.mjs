import { buildTests } from "../setup/javascript.mjs";
import { runOrExplain } from "../support/run.mjs";
import { tool } from "../support/tools.mjs";
import { verdict } from "./stage.mjs";

const FOLDERS = ["lib", "__test__", "scripts", "examples", "bench"];
const TEXTS = ["types", "index.d.ts", "docs", ".github", "*.md"];

/** @type {import("./stage.mjs").Stage} */
export const lintJavaScript = {
  name: "oxlint",
  run: () => check(tool("oxlint"), ["--deny-warnings", ...FOLDERS]),
};

/**
 * Which folders may import which.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const arrows = {
  name: "arrows",
  run: () => check("scripts/check-arrows.mjs", []),
};

/** @type {import("./stage.mjs").Stage} */
export const prettierCheck = {
  name: "prettier",
  run: () => check(tool("prettier"), ["--check", "--log-level=warn", ...FOLDERS, ...TEXTS]),
};

/**
 * Compiles the tests against index.d.ts: they check the types while they are at it.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const typesOfTests = {
  name: "tsc __test__",
  async run() {
    await buildTests();
    return verdict(true);
  },
};

async function check(script, args) {
  const { code } = await runOrExplain(process.execPath, [script, ...args]);
  return verdict(code === 0);
}
