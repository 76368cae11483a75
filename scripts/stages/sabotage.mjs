import { hasCargo } from "../setup/native.mjs";
import { buildSaboteur } from "../setup/saboteur.mjs";
import { explain } from "../support/run.mjs";
import { runStorm } from "../support/storm.mjs";
import { skip } from "./stage.mjs";

const STORM = { rounds: 20, seed: 1 };

/**
 * A storm of workers must fail where a safeguard of the teardown is taken out (src/saboteur.rs), and
 * pass where none is.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const sabotagedStorms = {
  name: "sabotage",
  async run() {
    if (!hasCargo()) return skip("cargo is not installed");
    const addon = await buildSaboteur();
    const results = [
      await storm(addon, "", false),
      await storm(addon, "skip-cleanup-hook", true),
      await storm(addon, "skip-join", true),
    ];
    const passed = results.filter(Boolean).length;
    return { passed, failed: results.length - passed };
  },
};

/** Whether a storm ends as it must. */
async function storm(addon, sabotage, mustFail) {
  const { isGood, lines, outcome } = await runStorm(process.execPath, STORM, {
    env: { LATCHDB_SABOTAGE: sabotage, NAPI_RS_NATIVE_LIBRARY_PATH: addon },
    describe: () => `a storm (${sabotage || "nothing taken out"})`,
    minutes: 3,
  });
  if (isGood !== mustFail) return true;
  console.log(`     a storm with "${sabotage}" taken out ${mustFail ? "passed" : "failed"}`);
  explain({ ...outcome, lines: [...outcome.lines, ...lines] });
  return false;
}
