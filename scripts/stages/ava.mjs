import { findBun } from "../setup/bun.mjs";
import { explain, run } from "../support/run.mjs";
import { tool } from "../support/tools.mjs";
import { skip } from "./stage.mjs";
import { TapCounter } from "./tap.mjs";

/** @type {import("./stage.mjs").Stage} */
export const avaOnNode = {
  name: "ava on Node",
  run: () => runAva("ava on Node", process.execPath, []),
};

/**
 * The same files on Bun.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const avaOnBun = {
  name: "ava on Bun",
  async run() {
    const bun = await findBun();
    if (bun === undefined) return skip("the bun package has no program that runs on this platform");
    // --bun: AVA's test processes are Bun's too.
    const args = ["--bun", "--preload", "./scripts/bun/coverage-stub.mjs"];
    return runAva(`ava on Bun ${bun.version}`, bun.path, args);
  },
};

async function runAva(name, runtime, runtimeArgs) {
  const tests = new TapCounter();
  const outcome = await run(runtime, [...runtimeArgs, tool("ava"), "--tap"], {
    onLine: (line) => tests.read(line),
    describe: () => `${name}: ${tests.passed} passed, ${tests.failed} failed`,
  });
  for (const line of tests.details) console.log(`     ${line}`);
  for (const [reason, count] of tests.skipped) {
    console.log(`     ${count} tests looked at nothing: ${reason}`);
  }
  // AVA has no failed test to show where a file did not load or a process crashed.
  const crashed = outcome.code !== 0 && tests.failed === 0;
  if (crashed) explain(outcome);
  return { passed: tests.passed, failed: tests.failed + (crashed ? 1 : 0) };
}
