/**
 * `npm run test:smoke`: the smoke suite on this very system, with the packages that `npm run build:all`
 * packed, on Node and Bun; on Windows also what the stock client does there.
 */
import { targets } from "./binaries/targets.mjs";
import { tapStage, testElsewhere } from "./platforms/elsewhere.mjs";
import { installPacked } from "./platforms/installed-package.mjs";
import { runProgram } from "./platforms/program.mjs";
import { installStock } from "./platforms/stock.mjs";
import { findBun } from "./setup/bun.mjs";

await testElsewhere("this system", async () => {
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

function ownTarget() {
  const { platform, arch } = process;
  const libc = platform === "linux" ? ownLibc() : undefined;
  const target = targets.find(
    (candidate) =>
      candidate.platform === platform && candidate.arch === arch && candidate.libc === libc,
  );
  if (target !== undefined) return target;
  throw new Error(`there is no binary for ${[platform, arch, libc].filter(Boolean).join(" ")}`);
}

/** Only a Node that runs with glibc knows of its version. */
function ownLibc() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? "musl" : "glibc";
}
