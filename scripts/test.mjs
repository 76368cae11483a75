/**
 * `npm test`: gets the checkout ready and runs every check, also after one that fails. The last line
 * says how many passed and failed.
 *
 *   npm test -- PATTERN...         only the test files whose path has one of these in it, on Node
 *   npm test -- --bun PATTERN...   the same on Bun
 */
import { parseArgs } from "node:util";
import { setUp } from "./setup/set-up.mjs";
import { avaOn, avaOnBun, matchingTests, node } from "./stages/ava.mjs";
import {
  cargoClippy,
  cargoFmt,
  cargoModels,
  cargoTest,
  generatedBinding,
} from "./stages/cargo.mjs";
import { arrows, lintJavaScript, prettierCheck, typesOfTests } from "./stages/javascript.mjs";
import { attw, installedPackages, publint } from "./stages/packages.mjs";
import { runStages, sum } from "./stages/stage.mjs";
import { stormsWithFailpoints, failpointsBuild } from "./stages/storms.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { bun: { type: "boolean", default: false } },
});
const isPart = values.bun || positionals.length > 0;

const { passed, failed } = await (isPart ? testPart() : testEverything());
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);

/** Two lanes, since a compiler uses one core for most of its time; then the tests that measure time. */
async function testEverything() {
  const [javascript, rust] = await Promise.all([
    // The packages' tests wait for package managers most of the time.
    setUpAndRun(
      [lintJavaScript, arrows],
      [typesOfTests],
      [prettierCheck, generatedBinding],
      [publint, attw, installedPackages],
    ),
    // They share one compilation of SQLite's C code.
    runStages([cargoFmt, cargoClippy, cargoTest, failpointsBuild, cargoModels]),
  ]);
  const tests = javascript.isBuilt ? [avaOn(node), avaOnBun, stormsWithFailpoints] : [];
  return sum(javascript, rust, await runStages(tests));
}

function testPart() {
  return setUpAndRun([], [typesOfTests, matchingTests(positionals, values.bun)]);
}

/**
 * Gets the checkout ready, which fails once for each part that cannot be had, and runs stages.
 *
 * @param {import("./stages/stage.mjs").Stage[]} always those that need the dependencies alone
 * @param {import("./stages/stage.mjs").Stage[]} built those that need what is built, too
 * @param {import("./stages/stage.mjs").Stage[][]} sideBySide those that need these, too
 */
async function setUpAndRun(always, built, ...sideBySide) {
  const ready = await setUp();
  const missing = Object.values(ready).filter((isReady) => !isReady).length;
  const first = [...(ready.dependencies ? always : []), ...(missing === 0 ? built : [])];
  const result = sum({ passed: 0, failed: missing }, await runStages(first));
  const rest = missing === 0 ? await Promise.all(sideBySide.map(runStages)) : [];
  return { ...sum(result, ...rest), isBuilt: missing === 0 };
}
