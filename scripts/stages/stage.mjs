import { printLine } from "../support/step.mjs";

/**
 * What a stage found. `skipped` says why it did not run: that is no failure.
 * @typedef {{ passed: number, failed: number, skipped?: string }} Result
 *
 * @typedef {{ name: string, run(): Promise<Result> }} Stage
 */

/**
 * Runs stages one after the other, whatever becomes of them.
 *
 * @param {Stage[]} stages
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export async function runStages(stages) {
  const totals = { passed: 0, failed: 0 };
  for (const stage of stages) {
    const start = performance.now();
    const { passed, failed, skipped } = await runStage(stage);
    if (skipped === undefined) {
      const mark = failed === 0 ? "ok" : "FAIL";
      printLine(mark, stage.name, `${passed} passed, ${failed} failed`, start);
    } else {
      printLine("skip", stage.name, skipped, start);
    }
    totals.passed += passed;
    totals.failed += failed;
  }
  return totals;
}

/** @returns {Promise<Result>} */
async function runStage(stage) {
  try {
    return await stage.run();
  } catch (error) {
    console.log(`     ${error.message}`);
    return { passed: 0, failed: 1 };
  }
}

/** The result of a check that only passes or fails. @param {boolean} isGood */
export function verdict(isGood) {
  return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1 };
}

/** The result of a stage that cannot run here. @param {string} reason */
export function skip(reason) {
  return { passed: 0, failed: 0, skipped: reason };
}
