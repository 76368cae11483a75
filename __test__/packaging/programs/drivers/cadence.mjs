// CadenceMQ: a queue of jobs in a file, with workers that have a client each, as the application has.
import { createCadence } from "@cadence-mq/core";
import { createLibSqlDriver, setupSchema } from "@cadence-mq/driver-libsql";
import { createClient } from "@libsql/client";
import { print, printOpen, printSuccesses, range } from "../frameworks/print.mjs";

const [file] = process.argv.slice(2);
const JOBS = 40;
const app = createClient({ url: `file:${file}` });
const clients = range(3).map(() => createClient({ url: `file:${file}` }));

// A script with `PRAGMA journal_mode = WAL`, of each client at once.
await printSuccesses(
  "schema",
  clients.map((client) => setupSchema({ client })),
);
await app.execute("CREATE TABLE done (n INTEGER, worker INTEGER)");

let finished;
const all = new Promise((resolve) => {
  finished = resolve;
});
let count = 0;
const queues = clients.map((client, worker) => {
  const queue = createCadence({ driver: createLibSqlDriver({ client, pollIntervalMs: 20 }) });
  queue.registerTask({
    taskName: "count",
    handler: async ({ data }) => {
      await app.execute({ sql: "INSERT INTO done VALUES (?, ?)", args: [data.n, worker] });
      if (++count === JOBS) finished();
      return { square: data.n ** 2 };
    },
  });
  return queue;
});
await printSuccesses(
  "scheduled",
  range(JOBS).map((n) =>
    queues[n % 3].scheduleJob({ taskName: "count", data: { n }, scheduledAt: new Date(0) }),
  ),
);
const workers = queues.map((queue, i) => queue.createWorker({ workerId: `worker ${i}` }));
for (const worker of workers) worker.start();
await all;
print("done", (await app.execute("SELECT count(*) n, count(DISTINCT n) each FROM done")).rows);
while ((await app.execute("SELECT 1 FROM jobs WHERE status <> 'completed'")).rows.length > 0);
const jobs = "SELECT status, count(*) n, count(DISTINCT result) results FROM jobs GROUP BY status";
print("jobs", (await app.execute(jobs)).rows);
for (const client of [app, ...clients]) client.close();
printOpen("after close", file);
process.exit();
