import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCargo } from "../setup/native.mjs";
import { buildSaboteur } from "../setup/saboteur.mjs";
import { root } from "../support/root.mjs";
import { explain, run } from "../support/run.mjs";
import { skip } from "./stage.mjs";

const ROUNDS = 20;
const STORM = join(root, "build", "test", "support", "programs", "storm.mjs");

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
  const directory = mkdtempSync(join(tmpdir(), "latchdb-"));
  const report = [];
  const outcome = await run(process.execPath, [STORM, directory, String(ROUNDS), "1"], {
    env: { LATCHDB_SABOTAGE: sabotage, NAPI_RS_NATIVE_LIBRARY_PATH: addon },
    onLine: (line) => report.push(line),
    describe: () => `a storm (${sabotage || "nothing taken out"})`,
    minutes: 3,
  });
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  const hasFailed = outcome.code !== 0 || failuresOf(report).length > 0;
  if (hasFailed === mustFail) return true;
  console.log(`     a storm with "${sabotage}" taken out ${mustFail ? "passed" : "failed"}`);
  explain({ ...outcome, lines: [...outcome.lines, ...report] });
  return false;
}

function failuresOf(lines) {
  return JSON.parse(lines.at(-1) ?? '{ "failures": ["no report"] }').failures;
}
