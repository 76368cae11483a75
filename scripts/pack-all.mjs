/**
 * `npm run pack:all`: checks the binaries of all targets, which must be in their packages, and packs
 * everything into artifacts/ for a release. No binary may be missing or a stand-in.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkBinary } from "./binaries/check.mjs";
import { binaryPath, packageFolder, targets } from "./binaries/targets.mjs";
import { packRelease } from "./packaging/release.mjs";
import { installDependencies } from "./setup/dependencies.mjs";
import { buildJavaScript } from "./setup/javascript.mjs";
import { step } from "./support/step.mjs";

let isGood =
  (await step("dependencies", installDependencies)) && (await step("javascript", buildJavaScript));
for (const target of targets) isGood = (await step(target.name, () => verify(target))) && isGood;
if (isGood) isGood = await step("packages", () => packRelease(targets));
process.exitCode = isGood ? 0 : 1;

async function verify(target) {
  if (!existsSync(binaryPath(target))) throw new Error("its binary is missing");
  const { megabytes } = await checkBinary(target, binaryPath(target));
  const { triple } = JSON.parse(readFileSync(join(packageFolder(target), "build.json"), "utf8"));
  if (triple !== target.triple) throw new Error(`it is a stand-in, built for ${triple}`);
  return `${megabytes.toFixed(1)} MB`;
}
