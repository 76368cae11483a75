/** What ends a client while it is suspended, and what does not count as its end. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import test from "ava";
import { LibsqlError, shutdownAll, terminateWorker } from "latchdb";
import type { LocalClient } from "latchdb";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import {
  assertNothingBeside,
  assertNothingOpen,
  descriptorsOf,
  hasProc,
} from "../support/open-files.mjs";
import { runProgram } from "../support/processes.mjs";
import { journalModes } from "../support/queries.mjs";
import { barrier, replaceBy, suspendable } from "../support/suspension.mjs";

const closed = { instanceOf: LibsqlError, code: "CLIENT_CLOSED" };

for (const mode of journalModes) {
  test(`close() while the action runs (${mode})`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file, mode);
    const { passed, pass } = barrier();
    const begun = barrier();
    const replaced = suspended(async (path) => {
      begun.pass();
      await passed;
      await replaceBy(path, mode, 1);
      return "replaced";
    });
    const waiting = [...callsOf(client), suspended(() => Promise.resolve())];
    await begun.passed;
    client.close();
    t.true(client.closed);
    for (const call of waiting) await t.throwsAsync(call, closed);
    for (const call of callsOf(client)) await t.throwsAsync(call, closed);
    pass();
    t.is(await replaced, "replaced");
    t.true(client.closed);
    if (hasProc) t.deepEqual(descriptorsOf(file), []);
    await assertNothingBeside(t, file);
    await client.reconnect();
    t.is(await selectValue(client, "select a from t"), 1);
  });

  test.serial(
    `close() while the connections are being closed: the action never runs (${mode})`,
    async (t) => {
      const { file } = await temporaryDatabase(t);
      const { client, suspended } = await suspendable(t, file, mode);
      await client.execute("insert into t values (zeroblob(10000000))");
      const never = suspended(() => Promise.resolve(t.fail("the action has run")));
      const waiting = callsOf(client);
      client.close();
      assertNothingOpen(t, file);
      await assertNothingBeside(t, file);
      await t.throwsAsync(never, closed);
      for (const call of waiting) await t.throwsAsync(call, closed);
      assertNothingOpen(t, file);
    },
  );

  test(`shutdown() while the action runs (${mode})`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file, mode);
    const { passed, pass } = barrier();
    const begun = barrier();
    const replaced = suspended(async (path) => {
      begun.pass();
      await passed;
      await replaceBy(path, mode, 1);
      return "replaced";
    });
    const waiting = callsOf(client);
    await begun.passed;
    const report = await client.shutdown();
    t.like(report, { path: file, drained: 0, cancelled: waiting.length, connections: 0 });
    t.false(report.walLeft);
    for (const call of waiting) await t.throwsAsync(call, closed);
    pass();
    t.is(await replaced, "replaced");
    if (hasProc) t.deepEqual(descriptorsOf(file), []);
  });

  test(`shutdown() with drain lets the action and the waiting calls finish (${mode})`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file, mode);
    const { passed, pass } = barrier();
    const replaced = suspended(async (path) => {
      await passed;
      await replaceBy(path, mode, 1);
    });
    const read = selectColumn(client, "select a from t");
    const write = client.execute("insert into t values (2)");
    const begin = client.transaction("write");
    const report = client.shutdown({ drain: true });
    await t.throwsAsync(begin, closed);
    await t.throwsAsync(client.execute("select 1"), closed);
    pass();
    await replaced;
    t.deepEqual(await read, [1]);
    await write;
    t.like(await report, { drained: 2, cancelled: 1, connections: 1, walLeft: false });
    if (hasProc) t.deepEqual(descriptorsOf(file), []);
    await assertNothingBeside(t, file);
  });
}

test("shutdown() with drain ends the wait at its limit", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const { passed, pass } = barrier();
  const replaced = suspended(() => passed.then(() => "done"));
  const read = client.execute("select 1");
  const report = client.shutdown({ drain: true, timeoutMs: 50 });
  await t.throwsAsync(read, closed);
  t.like(await report, { drained: 0, cancelled: 1, connections: 0 });
  pass();
  t.is(await replaced, "done");
  if (hasProc) t.deepEqual(descriptorsOf(file), []);
});

test("shutdown() with drain waits for an action that nobody waits behind", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const { passed, pass } = barrier();
  let isDone = false;
  const replaced = suspended(async () => {
    await passed;
    isDone = true;
  });
  const report = client.shutdown({ drain: true });
  pass();
  await report;
  t.true(isDone);
  await replaced;
  if (hasProc) t.deepEqual(descriptorsOf(file), []);
});

test("close() ends a suspension that waits for a transaction", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  await client.transaction("write");
  const waiting = suspended(() => Promise.resolve(t.fail("the action has run")));
  client.close();
  await t.throwsAsync(waiting, closed);
  await t.throwsAsync(
    suspended(() => Promise.resolve()),
    closed,
  );
});

test.serial("shutdownAll() finds a client that is suspended", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const { passed, pass } = barrier();
  const begun = barrier();
  const replaced = suspended(() => {
    begun.pass();
    return passed;
  });
  const waiting = client.execute("select 1");
  await begun.passed;
  const { clients, failures } = await shutdownAll();
  t.like(clients, [{ path: file, cancelled: 1, connections: 0 }]);
  t.deepEqual(failures, []);
  await t.throwsAsync(waiting, closed);
  pass();
  await replaced;
  t.true(client.closed);
  t.deepEqual((await shutdownAll()).clients, []);
});

test.serial(
  "subscribers of latchdb:close hear of the client's end, and not of a suspension",
  async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file);
    const heard: unknown[] = [];
    const hear = (message: unknown): void => {
      if ((message as { path: string }).path === file) heard.push(message);
    };
    subscribe("latchdb:close", hear);
    t.teardown(() => unsubscribe("latchdb:close", hear));
    await suspended(() => Promise.resolve());
    await client.execute("select 1");
    t.deepEqual(heard, []);
    const { steps } = await client.shutdown();
    t.deepEqual(
      heard,
      steps.map((step) => ({ path: file, ...step })),
    );
    t.true(steps.length > 0);
  },
);

for (const way of ["worker.terminate()", "terminateWorker()", "process.exit()"] as const) {
  test.serial(`a worker with a client that is suspended ends: ${way}`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const worker = new Worker(
      new URL("../support/programs/suspended-worker.mjs", import.meta.url),
      { workerData: { file } },
    );
    const exited = once(worker, "exit");
    await once(worker, "message");
    if (way === "terminateWorker()") {
      const report = await terminateWorker(worker);
      t.true(report.acknowledged);
      t.like(report.clients, [{ path: file, cancelled: 1, connections: 0 }]);
      t.deepEqual(report.failures, []);
    } else if (way === "worker.terminate()") {
      await worker.terminate();
    } else {
      worker.postMessage("exit");
    }
    await exited;
    assertNothingOpen(t, file);
    await assertNothingBeside(t, file);
  });
}

test("a suspension that is over does not keep the process alive until its limit", async (t) => {
  const { file } = await temporaryDatabase(t);
  const ended = await runProgram(t, "suspended-end", { arguments: [file, "go on"] });
  t.like(ended, { code: 0, signal: null }, ended.errors);
  t.deepEqual(ended.lines, ["suspended", "over"]);
});

for (const [way, code] of [
  ["exit", 7],
  ["throw", 1],
  ["natural end", 0],
] as const) {
  test(`a process with a client that is suspended ends: ${way}`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const ended = await runProgram(t, "suspended-end", { arguments: [file, way] });
    t.like(ended, { code, signal: null }, ended.errors);
    t.deepEqual(ended.lines, ["suspended"]);
    await assertNothingBeside(t, file);
  });
}

function callsOf(client: LocalClient): Promise<unknown>[] {
  return [
    client.execute("select 1"),
    client.batch(["select 1"]),
    client.migrate(["select 1"]),
    client.executeMultiple("select 1"),
    client.transaction("write"),
  ];
}
