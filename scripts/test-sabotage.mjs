/**
 * `npm run test:sabotage`: builds the addon with its saboteur (src/saboteur.rs), takes out one
 * safeguard of a swap at a time, and runs the tests that must fail then. A test that passes
 * nevertheless does not test what it says: that is the failure here. With nothing taken out they
 * must all pass. What is taken out of the teardown is a stage of `npm test`.
 */
import { buildTests } from "./setup/javascript.mjs";
import { buildSaboteur } from "./setup/saboteur.mjs";
import { setUp } from "./setup/set-up.mjs";
import { explain, run } from "./support/run.mjs";
import { printLine } from "./support/step.mjs";
import { tool } from "./support/tools.mjs";

/** What is taken out, and the tests that must notice: their file, and how their titles begin. */
const SABOTAGES = [
  ["skip-file-sync", "crash-states", ["a plain swap: old or new", "a first file: none or new"]],
  [
    "skip-directory-sync",
    "crash-states",
    ["a plain swap: old or new", "a first file: none or new"],
  ],
  [
    "sync-before-prepare",
    "crash-states",
    [
      "a file that is signed in place: old or new",
      "a file that is signed into a new one: old or new",
    ],
  ],
  ["write-in-place", "crash-states", ["a plain swap: old or new"]],
  [
    "write-in-place",
    "kill-sweep",
    ["a plain swap, killed", "a file that is signed in place, killed"],
  ],
  ["write-in-place", "readers", ["swapFile: eight readers"]],
  ["write-in-place", "short-writes", ["6 MB of source", "6 MB of data"]],
  ["write-in-place", "staging", ["prepare fails", "prepare removes the staging file"]],
];

const ready = await setUp();
if (!Object.values(ready).every(Boolean)) process.exit(1);
await buildTests();
const addon = await buildSaboteur();

let mistakes = 0;
const files = [...new Set(SABOTAGES.map(([, file]) => file))];
for (const file of files) {
  await check("nothing", file, ({ failed }) => failed.map((name) => `failed: ${name}`));
}
for (const [takenOut, file, titles] of SABOTAGES) {
  await check(takenOut, file, ({ failed }) =>
    titles
      .filter((title) => !failed.some((name) => name.startsWith(title)))
      .map((title) => `not noticed by: ${title}`),
  );
}
process.exitCode = mistakes === 0 ? 0 : 1;

/** Runs a file's tests with something taken out, and prints what `findMistakes` says of them. */
async function check(takenOut, file, findMistakes) {
  const start = performance.now();
  const result = { passed: 0, failed: [] };
  const outcome = await run(
    process.execPath,
    [tool("ava"), "--tap", `build/test/swap/${file}.spec.mjs`],
    {
      env: { NAPI_RS_NATIVE_LIBRARY_PATH: addon, LATCHDB_SABOTAGE: takenOut },
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
