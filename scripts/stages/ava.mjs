import { readdirSync } from "node:fs";
import { join } from "node:path";
import { findBun } from "../setup/bun.mjs";
import { root } from "../support/root.mjs";
import { explain, run } from "../support/run.mjs";
import { tool } from "../support/tools.mjs";
import { skip } from "./stage.mjs";
import { TapCounter } from "./tap.mjs";

/** --bun: AVA's test processes are Bun's too. */
const BUN_ARGS = ["--bun", "--preload", "./scripts/bun/coverage-stub.mjs"];
/** Test files share processes. */
const WHOLE_SUITE = ["--config", "__test__/ava.config.mjs"];

/** @typedef {{ name: string, path: string, isBun: boolean }} Runtime */

/** @type {Runtime} */
export const node = { name: "Node", path: process.execPath, isBun: false };

/**
 * The whole suite on one runtime.
 *
 * @param {Runtime} runtime
 * @returns {import("./stage.mjs").Stage}
 */
export function avaOn(runtime) {
  return { name: `ava on ${runtime.name}`, run: () => runAva(runtime, WHOLE_SUITE) };
}

/** @type {import("./stage.mjs").Stage} */
export const avaOnBun = {
  name: "ava on Bun",
  run: () => onBun((bun) => runAva(bun, WHOLE_SUITE)),
};

/**
 * The test files whose path contains one of the patterns, each in a process of its own.
 *
 * @param {string[]} patterns
 * @param {boolean} isOnBun
 * @returns {import("./stage.mjs").Stage}
 */
export function matchingTests(patterns, isOnBun) {
  // A path that the shell has completed is a pattern, too.
  const parts = patterns.map((pattern) => pattern.replace(/^__test__\//, "").replace(/mts$/, ""));
  return {
    name: "ava",
    async run() {
      const files = readdirSync(join(root, "build/test"), { recursive: true })
        .map((path) => path.replaceAll("\\", "/"))
        .filter(
          (path) => path.endsWith(".spec.mjs") && !/^(packaging|shared|web-runtimes)\//.test(path),
        )
        .filter((path) => parts.some((part) => path.includes(part)));
      if (files.length === 0) throw new Error(`no test file's path contains ${parts.join(" or ")}`);
      const paths = files.map((path) => `build/test/${path}`);
      return isOnBun ? onBun((bun) => runAva(bun, paths, true)) : runAva(node, paths, true);
    },
  };
}

async function onBun(action) {
  const bun = await findBun();
  if (bun === undefined) return skip("the bun package has no program that runs on this platform");
  return action({ name: `Bun ${bun.version}`, path: bun.path, isBun: true });
}

/**
 * Runs AVA, and counts.
 *
 * @param {Runtime} runtime
 * @param {string[]} avaArgs
 * @param {boolean} [isShown] whether all tests are printed, and not only those that failed
 * @returns {Promise<import("./stage.mjs").Result>}
 */
export async function runAva({ name, path, isBun }, avaArgs, isShown = false) {
  const tests = new TapCounter();
  const runtimeArgs = isBun ? BUN_ARGS : [];
  const outcome = await run(path, [...runtimeArgs, tool("ava"), "--tap", ...avaArgs], {
    onLine(line) {
      tests.read(line);
      if (isShown) console.log(line);
    },
    describe: () => `ava on ${name}: ${tests.passed} passed, ${tests.failed} failed`,
  });
  for (const [reason, count] of tests.skipped) {
    console.log(`     ${count} tests looked at nothing: ${reason}`);
  }
  for (const line of isShown ? [] : tests.details) console.log(`     ${line}`);
  // AVA has no failed test to show where a file did not load or a process crashed.
  const crashed = outcome.code !== 0 && tests.failed === 0;
  if (crashed) explain(outcome);
  return { passed: tests.passed, failed: tests.failed + (crashed ? 1 : 0) };
}
