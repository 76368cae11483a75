/** A worker that works, leaves its clients open, and waits to be ended by its host. */
import { parentPort, workerData } from "node:worker_threads";
import { createClient, shutdownAll } from "latchdb";
import { endlessQuery } from "../queries.mjs";

const { url } = workerData as { url: string };
// Once to have cleaned up: it goes on afterwards.
const before = createClient({ url });
await before.execute("insert into t values (1)");
await shutdownAll();

const client = createClient({ url });
await client.execute("insert into t values (2)");
const transaction = await client.transaction("write");
await transaction.execute("insert into t values (3)");
const memory = createClient({ url: ":memory:" });
memory.execute(endlessQuery).catch(() => undefined);
parentPort?.on("message", () => undefined).postMessage("works");
