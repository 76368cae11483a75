/** A worker that has begun a transaction by execute(), says so, and ends as it is told. */
import { parentPort, workerData } from "node:worker_threads";
import { createClient } from "latchdb";

const { url } = workerData as { url: string };
const client = createClient({ url });
await client.execute("begin exclusive");
await client.execute("insert into t values ('in it')");
parentPort?.once("message", (how) => {
  if (how === "throw") throw new Error("as it was told");
  if (how === "exit") process.exit(0);
});
parentPort?.postMessage("begun");
