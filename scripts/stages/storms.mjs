import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { explain, run } from "../support/run.mjs";

const STORM = join(root, "build", "test", "support", "programs", "storm.mjs");

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
  const directory = mkdtempSync(join(tmpdir(), "latchdb-"));
  const reports = [];
  const outcome = await run(runtime, [STORM, directory, String(rounds), String(seed), main], {
    onLine: (line) => reports.push(line),
    describe: () => `${rounds} workers, seed ${seed}, main thread: ${main}`,
  });
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  console.log(`     main thread ${main}: ${reports.at(-1) ?? "no report"}`);
  if (outcome.code !== 0) explain(outcome);
  return outcome.code === 0 && JSON.parse(reports.at(-1) ?? "{}").failures?.length === 0;
}
