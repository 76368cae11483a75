/** A worker with a transaction open and a query running. It says so, and waits for its end. */
import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import type * as Package from "latchdb";
import { endlessQuery } from "./endless-query.mjs";

const { packageFolder, file } = workerData as { packageFolder: string; file: string };
const { createClient } = createRequire(import.meta.url)(packageFolder) as typeof Package;

const client = createClient({ url: `file:${file}` });
const transaction = await client.transaction("write");
await transaction.execute("INSERT INTO t VALUES ('never')");
client.execute(endlessQuery).catch(() => undefined);
parentPort?.postMessage("busy");
