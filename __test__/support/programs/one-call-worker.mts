/** A worker that makes one call, which does not end by itself, and says so. */
import { parentPort, workerData } from "node:worker_threads";
import { createClient } from "latchdb";

const { url, sql } = workerData as { url: string; sql: string };
const client = createClient({ url, timeout: 600_000 });
await client.execute("select 1");
client.execute(sql).catch(() => undefined);
setImmediate(() => parentPort?.postMessage("called"));
