/** A worker with an open client of a server, which may have open iterators, and no file. */
import { parentPort, workerData } from "node:worker_threads";
import { createClient } from "latchdb";

const { url, iterates } = workerData as { url: string; iterates: boolean };
const client = createClient({ url });
await client.execute("select 1");
const endless = "with recursive c (n) as (select 1 union all select n + 1 from c) select n from c";
const resting = client.iterate(endless);
const waiting = client.iterate(`${endless} where n < 0`);
if (iterates) {
  await resting.next();
  waiting.next().catch(() => undefined);
}
parentPort?.postMessage("open");
setInterval(() => undefined, 1_000);
