/**
 * `npm run test:smoke`: the smoke suite on this very system, with the packages that `npm run build:all`
 * packed, on Node and Bun; on Windows also what the stock client does there.
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
  if (bun === undefined) console.log("     the bun package has no program that runs here");
  else stages.push(stage(`Bun ${bun.version}`, bun.path, suite));
  if (target.name === "win32-x64-msvc") {
    const stock = await installStock(target);
    stages.push(stage(`stock, ${node}`, process.execPath, stock, ["--expose-gc"]));
  }
  return stages;
});
