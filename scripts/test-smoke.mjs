/**
 * `npm run test:smoke`: runs the smoke suite on this system, on Node and Bun, with the packages that
 * `npm run build:all` packed; on Windows also the stock client's.
 */
import { ownTarget } from "./binaries/targets.mjs";
import { runProgram, tapStage, runSmokeSuite } from "./smoke/suite.mjs";
import { installPacked } from "./smoke/installed-package.mjs";
import { installStock } from "./smoke/stock.mjs";
import { findBun } from "./setup/bun.mjs";

await runSmokeSuite("this system", async () => {
  const target = ownTarget();
  const suite = installPacked(target);
  const stage = (name, runtime, { program, package: folder }, options = []) =>
    tapStage(name, () => runProgram(name, runtime, [...options, program, folder]));

  const node = `Node ${process.versions.node}`;
  const stages = [stage(node, process.execPath, suite)];
  const bun = await findBun();
  if (bun === undefined) console.log("     the bun package has no program for this platform");
  else stages.push(stage(`Bun ${bun.version}`, bun.path, suite));
  if (target.name === "win32-x64-msvc") {
    const stock = await installStock(target);
    stages.push(stage(`stock, ${node}`, process.execPath, stock, ["--expose-gc"]));
  }
  return stages;
});
