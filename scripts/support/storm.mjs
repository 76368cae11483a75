import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./root.mjs";
import { run } from "./run.mjs";

const PROGRAM = join(root, "build", "test", "support", "programs", "storm.mjs");

/**
 * Runs one storm of workers, in a directory of its own.
 *
 * @param {string} runtime
 * @param {{ rounds: number, seed: number, main?: string }} storm
 * @param {import("./run.mjs").RunOptions} options
 * @returns {Promise<{ isGood: boolean, lines: string[], outcome: import("./run.mjs").Outcome }>} what
 * it printed, of which the last line is its report, and how it ended
 */
export async function runStorm(runtime, { rounds, seed, main = "not loaded" }, options) {
  const directory = mkdtempSync(join(tmpdir(), "latchdb-"));
  const lines = [];
  const args = [PROGRAM, directory, String(rounds), String(seed), main];
  const outcome = await run(runtime, args, { ...options, onLine: (line) => lines.push(line) });
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  return { isGood: outcome.code === 0 && hasNoFailures(lines), lines, outcome };
}

function hasNoFailures(lines) {
  return JSON.parse(lines.at(-1) ?? "{}").failures?.length === 0;
}
