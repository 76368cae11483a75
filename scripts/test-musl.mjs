/**
 * `npm run test:musl`: the smoke suite on Node for Linux x64 with musl, with the packages that
 * `npm run build:all` packed.
 */
import { targetsNamed } from "./binaries/targets.mjs";
import { tapStage, testElsewhere } from "./platforms/elsewhere.mjs";
import { NODE_VERSION, prepareMusl } from "./platforms/linux.mjs";

const [target] = targetsNamed(["linux-x64-musl"]);

await testElsewhere("musl", async () => [
  tapStage(`Node ${NODE_VERSION}`, await prepareMusl(target)),
]);
