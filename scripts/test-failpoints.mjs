/**
 * `npm run test:failpoints`: builds the addon with its failpoints (src/failpoints.rs), takes out one
 * safeguard of a swap at a time, and runs the tests that must fail then. A test that passes
 * nevertheless does not test what it says: that is the failure here. With nothing taken out they
 * must all pass. The safeguards of the teardown are taken out by a stage of `npm test`.
 */
import { buildTests } from "./setup/javascript.mjs";
import { buildFailpoints } from "./setup/failpoints.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";
import { explain, run } from "./support/run.mjs";
import { printLine } from "./support/step.mjs";
import { tool } from "./support/tools.mjs";

/**
 * What is taken out, and the tests that must notice: their file, and how their titles begin. Where what
 * goes wrong is a matter of luck, `env` has them try more often.
 */
const FAILPOINTS = [
  {
    takenOut: "skip-file-sync",
    file: "swap/crash-states",
    titles: ["a plain swap: old or new", "a first file: none or new"],
  },
  {
    takenOut: "skip-directory-sync",
    file: "swap/crash-states",
    titles: ["a plain swap: old or new", "a first file: none or new"],
  },
  {
    takenOut: "sync-before-prepare",
    file: "swap/crash-states",
    titles: [
      "a file that is signed in place: old or new",
      "a file that is signed into a new one: old or new",
    ],
  },
  {
    takenOut: "write-in-place",
    file: "swap/crash-states",
    titles: ["a plain swap: old or new"],
  },
  {
    takenOut: "write-in-place",
    file: "swap/kill-sweep",
    titles: ["a plain swap, killed", "a file that is signed in place, killed"],
  },
  { takenOut: "write-in-place", file: "swap/readers", titles: ["swapFile: eight readers"] },
  {
    takenOut: "write-in-place",
    file: "swap/short-writes",
    titles: ["6 MB of source", "6 MB of data"],
  },
  {
    takenOut: "write-in-place",
    file: "swap/staging",
    titles: ["prepare fails", "prepare removes the staging file"],
  },
  {
    takenOut: "skip-file-sync",
    file: "replacing/crash-states",
    titles: ["wal, with a backup: old or new", "delete, with a backup: old or new"],
  },
  {
    takenOut: "skip-directory-sync",
    file: "replacing/crash-states",
    titles: ["wal: old or new", "delete: old or new", "a first database: old or new"],
  },
  {
    takenOut: "skip-early-directory-sync",
    file: "replacing/crash-states",
    titles: ["wal: old or new", "wal, with a backup: old or new"],
  },
  {
    takenOut: "skip-recovery-record",
    file: "replacing/kill-sweep",
    titles: ["link, wal: what a kill", "in place, delete: what a kill", "link, wal, killed"],
  },
  {
    takenOut: "skip-recovery-record",
    file: "replacing/double-faults",
    titles: ["link, wal: whatever", "a recovery that is killed"],
  },
  {
    takenOut: "skip-proof",
    file: "replacing/other-openers",
    titles: [
      "another process has it open: refused, with its number and name (delete)",
      "in place, what an idle opener writes afterwards is there, and nothing is torn (delete)",
    ],
  },
  {
    // With the -wal taken in, SQLite itself finds an opener in WAL mode.
    takenOut: "skip-proof,naive-rename",
    file: "replacing/other-openers",
    titles: [
      "another process has it open: refused, with its number and name (wal)",
      "in place, what an idle opener writes afterwards is there, and nothing is torn (wal)",
    ],
  },
  {
    takenOut: "skip-change-check",
    file: "replacing/other-writers",
    // Which of them a commit falls into the gap of is chance; one of them it does.
    titles: ["a writer that is there"],
    env: { LATCHDB_CRASHES: "all" },
  },
];

await setUpOrExit();
await buildTests();
const addon = await buildFailpoints();

let mistakes = 0;
const files = [...new Set(FAILPOINTS.map(({ file }) => file))];
for (const file of files) {
  await check("nothing", file, ({ failed }) => failed.map((name) => `failed: ${name}`));
}
// These tests let the addon panic themselves, in processes of their own.
await check("nothing", "errors/panics", ({ failed }) => failed.map((name) => `failed: ${name}`));
for (const { takenOut, file, titles, env } of FAILPOINTS) {
  const findMistakes = ({ failed }) =>
    titles
      .filter((title) => !failed.some((name) => name.startsWith(title)))
      .map((title) => `not noticed by: ${title}`);
  await check(takenOut, file, findMistakes, env);
}
process.exitCode = mistakes === 0 ? 0 : 1;

/** As the `fail` crate reads them. */
function failpoints(takenOut) {
  return takenOut
    .split(",")
    .map((name) => `${name}=return`)
    .join(";");
}

/** Runs a file's tests with something taken out, and prints what `findMistakes` says of them. */
async function check(takenOut, file, findMistakes, env = {}) {
  const start = performance.now();
  const result = { passed: 0, failed: [] };
  const outcome = await run(
    process.execPath,
    [tool("ava"), "--tap", `build/test/${file}.spec.mjs`],
    {
      env: { ...env, NAPI_RS_NATIVE_LIBRARY_PATH: addon, FAILPOINTS: failpoints(takenOut) },
      describe: () => `${file}, taken out: ${takenOut}`,
      onLine(line) {
        const [, not, name = ""] = /^(not )?ok \d+ - (.*)$/.exec(line) ?? [];
        if (not !== undefined) result.failed.push(name);
        else if (name !== "") result.passed++;
      },
    },
  );
  const found = findMistakes(result);
  if (result.passed === 0 && result.failed.length === 0) found.push("no test ran");
  if (found.length > 0) explain(outcome);
  mistakes += found.length;
  const text =
    found.length > 0
      ? found.join("; ")
      : `${result.failed.length} tests fail, ${result.passed} pass`;
  printLine(found.length === 0 ? "ok" : "FAIL", `${takenOut}, ${file}`, text, start);
}
