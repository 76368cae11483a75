/**
 * `npm run test:memory`: ends workers in the middle of their work, in every way, under valgrind
 * (https://valgrind.org), which must find no access to freed memory. Takes some minutes.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildFailpoints } from "./setup/failpoints.mjs";
import { buildTests } from "./setup/javascript.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";
import { runStages } from "./stages/stage.mjs";
import { root } from "./support/root.mjs";
import { ask, explain, run } from "./support/run.mjs";

const ROUNDS = 2;
const PROGRAM = join(root, "build", "test", "support", "programs", "ended-workers.mjs");
const OPTIONS = ["--leak-check=no", "--num-callers=30", "--smc-check=all-non-file"];
/** A finding in valgrind's report. */
const FINDING = /^==\d+== (Invalid|Conditional|Use of|Syscall param|Mismatched|Source and dest)/;

if (ask("valgrind", ["--version"]) === undefined) {
  console.log("valgrind is not installed: it checks each access to memory");
  process.exit(1);
}
await setUpOrExit();
await buildTests();
// A debug build, so that the report names our functions. No safeguard is taken out.
const addon = await buildFailpoints();

const stages = ["terminate", "exit", "throw", "end"].map((way) => ({
  name: `valgrind: ${way}`,
  run: () => endedWorkers(way),
}));
const { passed, failed } = await runStages(stages);
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);

async function endedWorkers(way) {
  const directory = mkdtempSync(join(tmpdir(), "latchdb-"));
  const log = join(directory, "valgrind.log");
  const node = [process.execPath, "--no-node-snapshot", PROGRAM];
  const outcome = await run(
    "valgrind",
    [...OPTIONS, `--log-file=${log}`, ...node, join(directory, "test.db"), "wal", way, `${ROUNDS}`],
    {
      env: { NAPI_RS_NATIVE_LIBRARY_PATH: addon },
      describe: () => `workers that are ended by ${way}, under valgrind`,
    },
  );
  const report = readFileSync(log, "utf8").split("\n");
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  const isGood = outcome.code === 0 && !report.some((line) => FINDING.test(line));
  if (!isGood) explain({ ...outcome, lines: [...outcome.lines, ...report] });
  return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1 };
}
