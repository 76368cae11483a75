/**
 * `npm run test:musl`, `npm run test:arm64`: the smoke suite on Node for the Linux targets that are named,
 * with the packages that `npm run build:all` packed. Another processor's is emulated by QEMU.
 */
import { targetsNamed } from "../binaries/targets.mjs";
import { tapStage, runSmokeSuite } from "../smoke/suite.mjs";
import { NODE_VERSION, prepareEmulated, prepareMusl } from "./linux.mjs";

await runSmokeSuite("runtimes", async () => {
  const stages = [];
  for (const target of targetsNamed(process.argv.slice(2))) {
    const prepare = target.libc === "musl" ? prepareMusl : prepareEmulated;
    stages.push(tapStage(`${target.name}, Node ${NODE_VERSION}`, await prepare(target)));
  }
  return stages;
});
