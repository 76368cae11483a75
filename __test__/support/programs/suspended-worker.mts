/** A worker whose client is suspended until its host ends it. */
import { parentPort, workerData } from "node:worker_threads";
import { prepare } from "../queries.mjs";
import { openSuspendable } from "../suspension.mjs";

const { file } = workerData as { file: string };
const { client, suspended } = openSuspendable(file);
await prepare(client, "wal");
parentPort?.on("message", () => process.exit(0));
void suspended(() => {
  parentPort?.postMessage("suspended");
  return new Promise(() => undefined);
});
// It is rejected when the host shuts the client down.
client.execute("select 1").catch(() => undefined);
