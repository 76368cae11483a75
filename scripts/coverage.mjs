/**
 * `npm run coverage`: which lines the tests run: of TypeScript (c8, every test on Node) and of Rust
 * (cargo-tarpaulin if it is installed, cargo's tests only).
 */
import { setUpOrExit } from "./setup/set-up.mjs";
import { ask, explain, run } from "./support/run.mjs";
import { tool } from "./support/tools.mjs";

await setUpOrExit();

/** Runs a command and prints those of its lines that are about coverage or a failure. */
async function measure(command, args, isOfInterest) {
  const outcome = await run(command, args, {
    onLine: (line) => isOfInterest.test(line) && console.log(line),
    describe: () => "measuring",
  });
  if (outcome.code !== 0) {
    explain(outcome);
    process.exitCode = 1;
  }
}

const node = process.execPath;
await measure(node, [tool("typescript", "tsc"), "-p", "__test__/tsconfig.json"], /error/);
const c8 = [tool("c8"), "--temp-directory", "build/coverage", "--reporter", "text"];
const only = ["--include", "dist/**", "--exclude-after-remap=false"];
const ava = [node, tool("ava"), "--timeout=2m"];
await measure(node, [...c8, ...only, ...ava], /\||tests? (passed|failed)$|✘/);
if (ask("cargo", ["tarpaulin", "--version"]) === undefined) {
  console.log("Rust was not measured: cargo-tarpaulin is not installed");
} else {
  await measure("cargo", ["tarpaulin", "--skip-clean"], /^\|\| src|coverage/);
}
