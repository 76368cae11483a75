/**
 * `npm run test:remote`: the long tests of clients of servers. The cases of the contract over HTTP and
 * WebSockets, beside the list of those that cannot hold there (__test__/remote/contract-differences.mts), and
 * the tests of __test__/remote in their long form.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildTests } from "./setup/javascript.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";
import { matchingTests } from "./stages/ava.mjs";
import { runStages } from "./stages/stage.mjs";
import { root } from "./support/root.mjs";
import { run } from "./support/run.mjs";
import { tool } from "./support/tools.mjs";

await setUpOrExit();
await buildTests();
const known = await import(join(root, "build/test/remote/contract-differences.mjs"));
const { rules } = await import(join(root, "build/test/remote/known-differences.mjs"));

const problems = rowsThatAreNot();
for (const protocol of ["http", "ws"]) {
  for (const spec of known.specs) problems.push(...(await contract(spec, protocol)));
}
for (const problem of problems) console.error(problem);
process.env["LATCHDB_REMOTE_LONG"] = "1";
const { passed, failed } = await runStages([matchingTests(["remote/"], false)]);
console.log(`${passed} passed, ${failed} failed; ${problems.length} surprises in the contract`);
process.exitCode = failed + problems.length === 0 ? 0 : 1;

/** Each difference is a row of COMPAT.md. */
function rowsThatAreNot() {
  const page = readFileSync(join(root, "COMPAT.md"), "utf8");
  const rows = new Set([...known.differences, ...rules].map(({ row }) => row));
  return [...rows].filter((row) => !page.includes(`| ${row} `)).map((row) => `no row: ${row}`);
}

/** Runs one file of the contract on servers. Returns what is not as the list says. */
async function contract(spec, protocol) {
  const file = `build/test/contract/${spec}.spec.mjs`;
  const args = [tool("ava"), file, "--tap", "--concurrency=1"];
  const { lines } = await run(process.execPath, args, { env: { LATCHDB_REMOTE: protocol } });
  const results = lines.map((line) => /^(ok|not ok) \d+ - (.*)$/.exec(line) ?? []);
  const cases = results.filter(([, , title]) => title !== undefined && isCase(title));
  const where = `${spec} over ${protocol}`;
  console.log(`${where}: ${cases.length} cases`);
  if (cases.length === 0) return [`${where}: no case was run`];
  return cases
    .filter(([, result, title]) => known.isSurprise(spec, title, protocol, result === "ok"))
    .map(([, result, title]) => {
      const what = result === "ok" ? "holds: take it off the list" : "does not hold";
      return `${where}: ${what}: ${title}`;
    });
}

/** Not a rejection that nobody handled: a case that fails leaves its other calls. */
function isCase(title) {
  return !/^(?:LibsqlError|Error): |exited with a non-zero exit code/.test(title);
}
