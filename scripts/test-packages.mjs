/** `npm run test:packages`: packs, installs what was packed, and runs programs with it. */
import { setUpOrExit } from "./setup/set-up.mjs";
import { typesOfTests } from "./stages/javascript.mjs";
import { attw, frameworks, installedPackages, otherTools, publint } from "./stages/packages.mjs";
import { runStages } from "./stages/stage.mjs";

await setUpOrExit();
const stages = [typesOfTests, publint, attw, installedPackages, otherTools, frameworks];
const { passed, failed } = await runStages(stages);
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);
