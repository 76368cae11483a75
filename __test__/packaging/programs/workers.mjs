// A client in each of some worker threads, which end in different ways.
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { createClient } from "latchdb";

if (isMainThread) {
  const start = () => new Worker(fileURLToPath(import.meta.url));
  const workers = [start(), start(), start()];
  const answers = await Promise.all(
    workers.map(async (worker) => (await once(worker, "message"))[0]),
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  console.log(JSON.stringify(answers));
} else {
  const client = createClient({ url: ":memory:" });
  const { rows } = await client.execute("SELECT 6 * 7 AS answer");
  parentPort.postMessage(rows[0].answer);
  // Still running when the worker is terminated.
  const endless =
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
  await client.execute(endless);
}
