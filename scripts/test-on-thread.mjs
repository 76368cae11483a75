/**
 * `npm run test:thread`: the tests, with `execution: "thread"` as the default of every client. The tests of
 * `execution` itself are left out.
 *
 *   npm run test:thread -- --bun   on Bun
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildTests } from "./setup/javascript.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";
import { matchingTests } from "./stages/ava.mjs";
import { runStages } from "./stages/stage.mjs";
import { root } from "./support/root.mjs";

const { values } = parseArgs({ options: { bun: { type: "boolean", default: false } } });
const preload = join(root, "scripts", "on-thread", "default.cjs");
const LEFT_OUT = ["bench", "in-place", "packaging", "shared", "support", "types"];

await setUpOrExit();
await buildTests();
process.env["NODE_OPTIONS"] = `--require ${JSON.stringify(preload)}`;
process.env["BUN_OPTIONS"] = `--preload ${JSON.stringify(preload)}`;

const folders = readdirSync(join(root, "build", "test"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !LEFT_OUT.includes(entry.name))
  .map((entry) => `${entry.name}/`);
const { passed, failed } = await runStages([matchingTests(folders, values.bun)]);
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);
