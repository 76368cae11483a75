import { findBun } from "../setup/bun.mjs";
import { explain, run } from "../support/run.mjs";
import { tool } from "../support/tools.mjs";
import { skip } from "./stage.mjs";
import { TapCounter } from "./tap.mjs";

/** --bun: AVA's test processes are Bun's too. */
const BUN_ARGS = ["--bun", "--preload", "./scripts/bun/coverage-stub.mjs"];

/**
 * The suite on one runtime.
 *
 * @param {{ name: string, path: string, isBun: boolean }} runtime
 * @returns {import("./stage.mjs").Stage}
 */
export function avaOn({ name, path, isBun }) {
  return { name: `ava on ${name}`, run: () => runAva(`ava on ${name}`, path, isBun) };
}

/** @type {import("./stage.mjs").Stage} */
export const avaOnNode = {
  name: "ava on Node",
  run: () => runAva("ava on Node", process.execPath, false),
};

/** @type {import("./stage.mjs").Stage} */
export const avaOnBun = {
  name: "ava on Bun",
  async run() {
    const bun = await findBun();
    if (bun === undefined) return skip("the bun package has no program that runs on this platform");
    return runAva(`ava on Bun ${bun.version}`, bun.path, true);
  },
};

/**
 * Runs AVA, and counts.
 *
 * @param {string} name
 * @param {string} runtime
 * @param {boolean} isBun
 * @param {string[]} [avaArgs]
 * @returns {Promise<import("./stage.mjs").Result>}
 */
export async function runAva(name, runtime, isBun, avaArgs = []) {
  const tests = new TapCounter();
  const runtimeArgs = isBun ? BUN_ARGS : [];
  const outcome = await run(runtime, [...runtimeArgs, tool("ava"), "--tap", ...avaArgs], {
    onLine: (line) => tests.read(line),
    describe: () => `${name}: ${tests.passed} passed, ${tests.failed} failed`,
  });
  for (const line of tests.details) console.log(`     ${line}`);
  for (const [reason, count] of tests.skipped) {
    console.log(`     ${count} tests looked at nothing: ${reason}`);
  }
  // AVA has no failed test to show where a file did not load or a process crashed.
  const crashed = outcome.code !== 0 && tests.failed === 0;
  if (crashed) explain(outcome);
  return { passed: tests.passed, failed: tests.failed + (crashed ? 1 : 0) };
}
