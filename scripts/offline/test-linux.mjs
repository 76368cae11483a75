/**
 * `npm run test:musl`, `npm run test:arm64`: runs the smoke suite on Node for the named Linux
 * targets, with the packages that `npm run build:all` packed. QEMU emulates other processors.
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
