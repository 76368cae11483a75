/**
 * `npm run test:arm64`: the smoke suite on Node for Linux arm64, emulated by QEMU, with the packages
 * that `npm run build:all` packed: with glibc and with musl.
 */
import { targetsNamed } from "./binaries/targets.mjs";
import { tapStage, testElsewhere } from "./platforms/elsewhere.mjs";
import { NODE_VERSION, prepareEmulated, prepareMusl } from "./platforms/linux.mjs";

const [gnu, musl] = targetsNamed(["linux-arm64-gnu", "linux-arm64-musl"]);

await testElsewhere("QEMU", async () => [
  tapStage(`glibc, ${NODE_VERSION}`, await prepareEmulated(gnu)),
  tapStage(`musl, ${NODE_VERSION}`, await prepareMusl(musl)),
]);
