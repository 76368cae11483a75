import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCargo } from "../setup/native.mjs";
import { buildFailpoints } from "../setup/failpoints.mjs";
import { explain, run } from "../support/run.mjs";
import { skip, verdict } from "./stage.mjs";

const withoutCargo = skip("cargo is not installed");
const PROGRAM = "build/test/support/programs/storm.mjs";

/**
 * Long storms of workers on one runtime, every second one with the package loaded in the main thread
 * too. Their reports are printed.
 *
 * @param {{ name: string, path: string }} runtime
 * @param {{ storms: number, rounds: number }} options
 * @returns {import("./stage.mjs").Stage}
 */
export function stormsOn({ name, path }, { storms, rounds }) {
  return {
    name: `storms on ${name}`,
    async run() {
      const areGood = [];
      for (let i = 0; i < storms; i++) {
        const seed = (Date.now() + i) % 1_000_000;
        const main = i % 2 === 0 ? "loaded" : "not loaded";
        const { isGood, lines, outcome } = await runStorm(
          path,
          { rounds, seed, main },
          { describe: () => `${rounds} workers, seed ${seed}, main thread: ${main}` },
        );
        console.log(`     main thread ${main}: ${lines.at(-1) ?? "no report"}`);
        if (outcome.code !== 0) explain(outcome);
        areGood.push(isGood);
      }
      return verdict(...areGood);
    },
  };
}

/**
 * Compiled beside the other builds, so that the storms find it ready.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const failpointsBuild = {
  name: "failpoints (build)",
  run: async () => (hasCargo() ? verdict((await buildFailpoints()) !== "") : withoutCargo),
};

/**
 * A storm of workers must fail where a safeguard of the teardown is taken out (src/failpoints.rs), and
 * pass where none is.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const stormsWithFailpoints = {
  name: "failpoints",
  async run() {
    if (!hasCargo()) return withoutCargo;
    const addon = await buildFailpoints();
    const cases = ["", "skip-cleanup-hook", "skip-join"];
    return verdict(...(await Promise.all(cases.map((each) => endsAsItMust(addon, each)))));
  },
};

async function endsAsItMust(addon, takenOut) {
  const { isGood, lines, outcome } = await runStorm(
    process.execPath,
    { rounds: 20, seed: 1 },
    {
      env: { FAILPOINTS: takenOut && `${takenOut}=return`, NAPI_RS_NATIVE_LIBRARY_PATH: addon },
      describe: () => `a storm (${takenOut || "nothing taken out"})`,
      minutes: 3,
    },
  );
  if (isGood === (takenOut === "")) return true;
  console.log(`     a storm with "${takenOut}" taken out ${isGood ? "passed" : "failed"}`);
  explain({ ...outcome, lines: [...outcome.lines, ...lines] });
  return false;
}

/**
 * Runs one storm of workers, in a directory of its own. The last line that it prints is its report.
 *
 * @param {string} runtime
 * @param {{ rounds: number, seed: number, main?: string }} storm
 * @param {import("../support/run.mjs").RunOptions} options
 */
async function runStorm(runtime, { rounds, seed, main = "not loaded" }, options) {
  const directory = mkdtempSync(join(tmpdir(), "latchdb-"));
  const lines = [];
  const args = [PROGRAM, directory, String(rounds), String(seed), main];
  const outcome = await run(runtime, args, { ...options, onLine: (line) => lines.push(line) });
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  const report = JSON.parse(lines.at(-1) ?? "{}");
  return { isGood: outcome.code === 0 && report.failures?.length === 0, lines, outcome };
}
