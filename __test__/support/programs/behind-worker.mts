/** A worker that reads nothing of a scan without end. Its parent ends it. */
import { parentPort, workerData } from "node:worker_threads";
import { createClient } from "latchdb";

const { url } = workerData as { url: string };
const client = createClient({ url });
const transaction = await client.transaction("write");
await transaction.execute("create table t (a)");
const sql = `
  with recursive n(i) as (select 1 union all select i + 1 from n)
  select i, 'a text of the row ' || i as text from n`;
client.execute(sql).catch(() => undefined);
transaction.execute(sql).catch(() => undefined);
const until = performance.now() + 300;
while (performance.now() < until);
parentPort?.postMessage("behind");
// eslint-disable-next-line no-unmodified-loop-condition
for (;;);
