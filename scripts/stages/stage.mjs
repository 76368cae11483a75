import { printLine } from "../support/step.mjs";

/**
 * What a stage found. `skipped` says why it did not run: that is no failure.
 * @typedef {{ passed: number, failed: number, skipped?: string }} Result
 *
 * @typedef {{ name: string, run(): Promise<Result> }} Stage
 */

/**
 * Runs stages one after the other, whatever becomes of them, and prints a line about each.
 *
 * @param {Stage[]} stages
 */
export async function runStages(stages) {
  const results = [];
  for (const { name, run } of stages) {
    const start = performance.now();
    const result = await run().catch((error) => {
      console.log(`     ${error.message}`);
      return verdict(false);
    });
    const { passed, failed, skipped } = result;
    const mark = skipped !== undefined ? "skip" : failed === 0 ? "ok" : "FAIL";
    printLine(mark, name, skipped ?? `${passed} passed, ${failed} failed`, start);
    results.push(result);
  }
  return sum(...results);
}

/** @param {Result[]} results */
export function sum(...results) {
  const total = (key) => results.reduce((all, result) => all + result[key], 0);
  return { passed: total("passed"), failed: total("failed") };
}

/** The result of checks that only pass or fail. @param {boolean[]} areGood */
export function verdict(...areGood) {
  const passed = areGood.filter(Boolean).length;
  return { passed, failed: areGood.length - passed };
}

/** The result of a stage that cannot run here. @param {string} reason */
export function skip(reason) {
  return { passed: 0, failed: 0, skipped: reason };
}
