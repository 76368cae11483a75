import { installDependencies } from "../setup/dependencies.mjs";
import { buildTests } from "../setup/javascript.mjs";
import { runStages } from "../stages/stage.mjs";
import { TapCounter } from "../stages/tap.mjs";
import { run } from "../support/run.mjs";
import { step } from "../support/step.mjs";

/** @typedef {import("../stages/stage.mjs").Stage} Stage */

/**
 * Prepares and runs the smoke suite, and prints how many cases passed. If something is missing, that is
 * a failure.
 *
 * @param {string} place its name
 * @param {() => Promise<Stage[]>} prepare throws if something is missing, and says what
 */
export async function runSmokeSuite(place, prepare) {
  let stages = [];
  const isReady =
    (await step("dependencies", installDependencies)) &&
    (await step("smoke suite", buildTests)) &&
    (await step(place, async () => {
      stages = await prepare();
      return "ready";
    }));
  const { passed, failed } = isReady ? await runStages(stages) : { passed: 0, failed: 1 };
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/**
 * A stage that runs a program which prints TAP.
 *
 * @param {string} name
 * @param {() => Promise<{ code: number, lines: string[] }>} runSuite
 * @returns {Stage}
 */
export function tapStage(name, runSuite) {
  return {
    name,
    async run() {
      const tests = new TapCounter();
      const { code, lines } = await runSuite();
      for (const line of lines) tests.read(line);
      for (const line of tests.details) console.log(`     ${line}`);
      const [, planned] = /^1\.\.(\d+)$/m.exec(lines.join("\n")) ?? [];
      const { passed, failed } = tests;
      const excused = lines.filter((line) => line.includes("# SKIP"));
      for (const line of excused) console.log(`     ${line}`);
      const seen = passed + failed + excused.length;
      const isThrough = seen === Number(planned) && (code === 0) === (failed === 0);
      if (isThrough) return { passed, failed };
      console.log(`     it ended with code ${code} before it was through:`);
      for (const line of lines.slice(-20)) console.log(`     ${line}`);
      return { passed, failed: failed + 1 };
    },
  };
}

/**
 * Runs a program and collects its output.
 *
 * @param {string} description shown while it runs
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env] added to the environment
 * @returns {Promise<{ code: number, lines: string[] }>} stderr comes last
 */
export async function runProgram(description, command, args, env) {
  const stdout = [];
  const outcome = await run(command, args, {
    env,
    onLine: (line) => stdout.push(line),
    describe: () => description,
  });
  const problem = outcome.problem === undefined ? [] : [outcome.problem];
  return { code: outcome.code, lines: [...stdout, ...outcome.lines, ...problem] };
}
