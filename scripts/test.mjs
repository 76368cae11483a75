/**
 * `npm test`: gets the checkout ready and runs every check, also after one that fails, so that one
 * run tells everything. The last line says how many passed and failed.
 */
import { setUp } from "./setup/set-up.mjs";
import { avaOnBun, avaOnNode } from "./stages/ava.mjs";
import { generatedBinding } from "./stages/binding.mjs";
import { cargoClippy, cargoFmt, cargoModels, cargoTest } from "./stages/cargo.mjs";
import { lintJavaScript, prettierCheck, typesOfTests } from "./stages/javascript.mjs";
import { attw, installedPackages, publint } from "./stages/packages.mjs";
import { sabotagedStorms } from "./stages/sabotage.mjs";
import { runStages } from "./stages/stage.mjs";

const ready = await setUp();
const totals = { passed: 0, failed: Object.values(ready).filter((isReady) => !isReady).length };

// Without them there is nothing that AVA could test: the failure is counted already.
const isBuilt = ready.native && ready.javascript;

if (ready.dependencies) {
  const { passed, failed } = await runStages([
    cargoFmt,
    cargoClippy,
    cargoTest,
    cargoModels,
    lintJavaScript,
    prettierCheck,
    typesOfTests,
    generatedBinding,
    ...(isBuilt ? [avaOnNode, avaOnBun, sabotagedStorms, publint, attw, installedPackages] : []),
  ]);
  totals.passed += passed;
  totals.failed += failed;
}

process.exitCode = totals.failed === 0 ? 0 : 1;
console.log(`${totals.passed} passed, ${totals.failed} failed`);
