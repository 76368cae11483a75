import { explain } from "../support/run.mjs";
import { runStorm } from "../support/storm.mjs";

/**
 * Long storms of workers on one runtime, every second one with the package loaded in the main thread
 * too. What they report is printed.
 *
 * @param {{ name: string, path: string }} runtime
 * @param {{ storms: number, rounds: number }} options
 * @returns {import("./stage.mjs").Stage}
 */
export function stormsOn({ name, path }, { storms, rounds }) {
  return {
    name: `storms on ${name}`,
    async run() {
      const result = { passed: 0, failed: 0 };
      for (let i = 0; i < storms; i++) {
        const seed = (Date.now() + i) % 1_000_000;
        const main = i % 2 === 0 ? "loaded" : "not loaded";
        const isGood = await storm(path, rounds, seed, main);
        if (isGood) result.passed++;
        else result.failed++;
      }
      return result;
    },
  };
}

async function storm(runtime, rounds, seed, main) {
  const { isGood, lines, outcome } = await runStorm(
    runtime,
    { rounds, seed, main },
    { describe: () => `${rounds} workers, seed ${seed}, main thread: ${main}` },
  );
  console.log(`     main thread ${main}: ${lines.at(-1) ?? "no report"}`);
  if (outcome.code !== 0) explain(outcome);
  return isGood;
}
