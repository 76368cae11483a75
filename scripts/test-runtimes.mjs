/**
 * `npm run test:runtimes`: runs the whole suite and long storms of workers on every supported
 * runtime, one after the other. The last line says how many passed and failed.
 *
 *   --only 22,bun     only these
 *   --storms 6        how many storms on each
 *   --rounds 300      how many workers in a storm
 *   --no-suite        the storms alone
 */
import { parseArgs } from "node:util";
import { findBun } from "./setup/bun.mjs";
import { buildTests } from "./setup/javascript.mjs";
import { findNode } from "./setup/node.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";
import { avaOn } from "./stages/ava.mjs";
import { runStages, skip } from "./stages/stage.mjs";
import { stormsOn } from "./stages/storms.mjs";

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    only: { type: "string", default: "20,22,24,26,bun" },
    storms: { type: "string", default: "6" },
    rounds: { type: "string", default: "300" },
    suite: { type: "boolean", default: true },
  },
});

await setUpOrExit();
await buildTests();

const stages = [];
for (const wanted of options.only.split(",")) {
  const runtime = await find(wanted);
  if (runtime === undefined) {
    const run = async () => skip("it has no program for this platform");
    stages.push({ name: wanted, run });
    continue;
  }
  if (options.suite) stages.push(avaOn(runtime));
  const [storms, rounds] = [Number(options.storms), Number(options.rounds)];
  if (storms > 0) stages.push(stormsOn(runtime, { storms, rounds }));
}

const { passed, failed } = await runStages(stages);
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);

/** @returns {Promise<{ name: string, path: string, isBun: boolean } | undefined>} */
async function find(wanted) {
  const isBun = wanted === "bun";
  const found = isBun ? await findBun() : await findNode(Number(wanted));
  if (found === undefined) return undefined;
  const name = `${isBun ? "Bun" : "Node"} ${found.version}`;
  return { name, path: found.path, isBun };
}
