import { Worker } from "node:worker_threads";
import test, { type ExecutionContext } from "ava";
import { terminateWorker } from "latchdb";
import { selectColumn, temporaryDatabase } from "../support/database.mjs";
import { assertNothingBeside, assertNothingOpen } from "../support/open-files.mjs";
import { prepare } from "../support/queries.mjs";
import type { Task } from "../support/programs/obedient-worker.mjs";

/** Starts a worker with a client on the database and waits until it is busy. */
async function startWorker(
  t: ExecutionContext,
  task: Task,
): Promise<{ worker: Worker; said: string[] }> {
  const worker = new Worker(new URL("../support/programs/obedient-worker.mjs", import.meta.url), {
    workerData: task,
  });
  t.teardown(() => worker.terminate());
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    worker.once("error", reject);
    worker.on("message", (message: string) => {
      said.push(message);
      if (message === "busy") resolve();
    });
  });
  return { worker, said };
}

async function databaseWithTable(
  t: ExecutionContext,
): Promise<Awaited<ReturnType<typeof temporaryDatabase>>> {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await prepare(client, "wal");
  client.close();
  return database;
}

test.serial("a worker is asked, acknowledges, and is terminated", async (t) => {
  const database = await databaseWithTable(t);
  const { worker } = await startWorker(t, { url: database.url, does: "endless" });
  const report = await terminateWorker(worker);
  t.true(report.acknowledged);
  t.is(report.exitCode, 1);
  t.deepEqual(
    report.clients.map(({ path, cancelled, walLeft }) => ({ path, cancelled, walLeft })),
    [{ path: database.file, cancelled: 1, walLeft: false }],
  );
  t.deepEqual(report.failures, []);
  t.deepEqual(
    report.steps.map(({ step }) => step),
    ["ask", "terminate"],
  );
  t.true(report.ms < 10_000, `${report.ms} ms`);
  t.is(worker.threadId, -1);
  assertNothingOpen(t, database.file);
  await assertNothingBeside(t, database.file);
});

test.serial("with `drain`, what was called before is answered", async (t) => {
  const database = await databaseWithTable(t);
  const { worker, said } = await startWorker(t, { url: database.url, does: "inserts" });
  const { acknowledged, clients } = await terminateWorker(worker, { drain: true });
  t.true(acknowledged);
  t.deepEqual(
    clients.map(({ path, cancelled }) => ({ path, cancelled })),
    [{ path: database.file, cancelled: 0 }],
  );
  const rows = await selectColumn(database.open(), "select a from t order by rowid");
  t.deepEqual(
    rows,
    Array.from({ length: 100 }, (_, i) => i),
  );
  t.deepEqual(said, ["busy", "all inserted"]);
});

test.serial("a drain that does not end is cut at the limit, and still acknowledged", async (t) => {
  const database = await databaseWithTable(t);
  const { worker } = await startWorker(t, { url: database.url, does: "endless" });
  const { acknowledged, clients, ms } = await terminateWorker(worker, {
    drain: true,
    timeoutMs: 2000,
  });
  t.true(acknowledged);
  t.is(clients[0]?.cancelled, 1);
  t.true(ms >= 1500 && ms < 20_000, `${ms} ms`);
});

test.serial(
  "a worker that does not answer is terminated at the limit, its clients closed",
  async (t) => {
    const database = await databaseWithTable(t);
    const { worker } = await startWorker(t, { url: database.url, does: "spin" });
    const report = await terminateWorker(worker, { timeoutMs: 200 });
    t.false(report.acknowledged);
    t.deepEqual(report.clients, []);
    t.true(report.ms >= 190 && report.ms < 10_000, `${report.ms} ms`);
    assertNothingOpen(t, database.file);
    await assertNothingBeside(t, database.file);
  },
);

test.serial("two calls at once send one request and have one report", async (t) => {
  const database = await databaseWithTable(t);
  const { worker } = await startWorker(t, { url: database.url, does: "endless" });
  const [first, second] = await Promise.all([terminateWorker(worker), terminateWorker(worker)]);
  t.is(first, second);
  t.is(first.clients.length, 1);
});

test.serial(
  "a worker without latchdb, or with nothing open, has nothing to acknowledge",
  async (t) => {
    const plain = new Worker("setInterval(() => {}, 1000)", { eval: true });
    await new Promise((resolve) => plain.once("online", resolve));
    t.like(await terminateWorker(plain), { acknowledged: true, clients: [] });
    const database = await databaseWithTable(t);
    const { worker } = await startWorker(t, { url: database.url, does: "closed" });
    t.like(await terminateWorker(worker), { acknowledged: true, clients: [] });
  },
);

test.serial("a worker that has ended is left in peace", async (t) => {
  const worker = new Worker("", { eval: true });
  await new Promise((resolve) => worker.once("exit", resolve));
  t.like(await terminateWorker(worker), { acknowledged: true, clients: [] });
});

test.serial("a worker that ends while it is asked is not waited for", async (t) => {
  const database = await databaseWithTable(t);
  const { worker } = await startWorker(t, { url: database.url, does: "exit soon" });
  const { ms } = await terminateWorker(worker, { drain: true, timeoutMs: 60_000 });
  t.true(ms < 30_000, `${ms} ms`);
  assertNothingOpen(t, database.file);
});

test.serial("wrong arguments do nothing, and nothing is kept of them", async (t) => {
  const database = await databaseWithTable(t);
  const { worker } = await startWorker(t, { url: database.url, does: "endless" });
  const wrong = { timeoutMs: Number.NaN };
  await t.throwsAsync(terminateWorker(worker, wrong), { instanceOf: RangeError });
  await t.throwsAsync(terminateWorker(undefined as unknown as Worker), { instanceOf: TypeError });
  t.like(await terminateWorker(worker, { timeoutMs: Infinity }), { acknowledged: true });
});
