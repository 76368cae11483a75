/** `npm run test:packages`: packs, installs what was packed, and runs programs with it. */
import { setUp } from "./setup/set-up.mjs";
import { typesOfTests } from "./stages/javascript.mjs";
import { attw, installedPackages, publint } from "./stages/packages.mjs";
import { runStages } from "./stages/stage.mjs";

const ready = await setUp();
const stages = Object.values(ready).every(Boolean)
  ? [typesOfTests, publint, attw, installedPackages]
  : [];
const { passed, failed } = await runStages(stages);
const isGood = failed === 0 && stages.length > 0;

process.exitCode = isGood ? 0 : 1;
console.log(`${passed} passed, ${isGood ? failed : Math.max(failed, 1)} failed`);
