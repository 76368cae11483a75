/** A worker with an open client of a server, and no file. */
import { parentPort, workerData } from "node:worker_threads";
import { createClient } from "latchdb";

const client = createClient({ url: workerData as string });
await client.execute("select 1");
parentPort?.postMessage("open");
setInterval(() => undefined, 1_000);
