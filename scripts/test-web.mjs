/**
 * `npm run test:web`: the client for web runtimes in Chromium, workerd, Deno and Bun, on a libSQL server. The
 * runtimes are large, and so are no dependencies of the checkout: this installs them (350 MB).
 */
import { join } from "node:path";
import { buildTests } from "./setup/javascript.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";
import { node, runAva } from "./stages/ava.mjs";
import { runStages } from "./stages/stage.mjs";
import { fingerprint } from "./support/fingerprint.mjs";
import { root } from "./support/root.mjs";
import { runOrExplain } from "./support/run.mjs";
import { Stamp } from "./support/stamp.mjs";
import { step } from "./support/step.mjs";
import { npm } from "./support/tools.mjs";

const FOLDER = "__test__/web-runtimes";

await setUpOrExit();
await buildTests();
if (!(await step("web runtimes", installRuntimes))) process.exit(1);
const tests = {
  name: "ava",
  run: () => runAva(node, ["--config", `${FOLDER}/ava.config.mjs`], true),
};
const { passed, failed } = await runStages([tests]);
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);

async function installRuntimes() {
  const stamp = new Stamp(`${FOLDER}/node_modules/.installed`);
  const state = fingerprint([`${FOLDER}/package-lock.json`]);
  if (stamp.is(state)) return "are installed";
  const [command, ...args] = npm();
  const folder = join(root, FOLDER);
  // Their scripts would fetch what their packages have already.
  const { code } = await runOrExplain(command, [
    ...args,
    "--prefix",
    folder,
    "ci",
    "--ignore-scripts",
  ]);
  if (code !== 0) throw new Error("npm ci failed: see above");
  stamp.write(state);
  return "installed";
}
