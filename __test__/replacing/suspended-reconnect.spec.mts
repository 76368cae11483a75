/** `reconnect()` while the client is suspended, and what is called until it is open. */
import { mkdir, rename, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import type { ExecutionContext } from "ava";
import { LibsqlError, shutdownAll } from "latchdb";
import type { LocalClient } from "latchdb";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { assertNothingBeside, descriptorsOf, hasProc } from "../support/open-files.mjs";
import { countTo, journalModes } from "../support/queries.mjs";
import { barrier, replaceBy, suspendable } from "../support/suspension.mjs";
import { nextVersion, versionOf, versionOne } from "./versions.mjs";

const closed = { instanceOf: LibsqlError, code: "CLIENT_CLOSED" };

/** A client whose file an action has: until `pass` is called, then it replaces it. */
async function suspendedClient(
  t: ExecutionContext,
  options: { concurrency?: number } = {},
): Promise<{
  client: LocalClient;
  file: string;
  pass: () => void;
  replaced: Promise<void>;
  suspended: Awaited<ReturnType<typeof suspendable>>["suspended"];
}> {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file, "delete", options);
  const { passed, pass } = barrier();
  const begun = barrier();
  const replaced = suspended(async (path) => {
    begun.pass();
    await passed;
    if (hasProc) t.deepEqual(descriptorsOf(path), []);
    await replaceBy(path, "delete", 1);
  });
  await begun.passed;
  return { client, file, pass, replaced, suspended };
}

test("reconnect() does not open the file while the action has it", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const { passed, pass } = barrier();
  await client.execute("pragma foreign_keys = off");
  const replaced = suspended(async (path) => {
    await passed;
    if (hasProc) t.deepEqual(descriptorsOf(path), []);
    await replaceBy(path, "delete", 1);
  });
  const reconnected = client.reconnect();
  pass();
  await Promise.all([replaced, reconnected]);
  t.deepEqual(await selectColumn(client, "select a from t"), [1]);
  // Afresh, as ever.
  t.is(await selectValue(client, "pragma foreign_keys"), 1);
});

for (const mode of journalModes) {
  test(`replaceDatabase(), reconnect(), a call: it waits, and sees the new database (${mode})`, async (t) => {
    const { client } = await versionOne(t, mode);
    const replaced = client.replaceDatabase({ build: nextVersion });
    const reconnected = client.reconnect();
    const version = versionOf(t, client);
    await replaced;
    await reconnected;
    t.is(await version, 2);
    t.is(await versionOf(t, client), 2);
  });
}

for (const isClosed of [false, true]) {
  const name = isClosed ? "a client that was closed" : "an open client";
  test(`what is called after reconnect() of ${name} waits, in its order`, async (t) => {
    const { client, pass, replaced, suspended } = await suspendedClient(t);
    if (isClosed) client.close();
    const reconnected = client.reconnect();
    t.false(client.closed);
    const order: string[] = [];
    const note = <T,>(what: string, call: Promise<T>): Promise<T> =>
      call.finally(() => order.push(what));
    const read = note("read", client.execute("select a from t"));
    const write = note("write", client.batch(["insert into t values (2)"], "write"));
    const migrated = note("migrate", client.migrate(["insert into t values (3)"]));
    const script = note("script", client.executeMultiple("insert into t values (4)"));
    const transaction = client.transaction("write");
    const again = note(
      "suspended",
      suspended((path) => replaceBy(path, "delete", 9)),
    );
    const last = selectColumn(client, "select a from t");
    // Whoever calls it at the same time waits for the same.
    const shared = client.reconnect();
    pass();
    await Promise.all([replaced, reconnected, shared]);
    t.is((await read).rows[0]?.[0], 1);
    await Promise.all([write, migrated, script]);
    t.deepEqual(await selectColumn(await transaction, "select a from t"), [1, 2, 3, 4]);
    await (await transaction).commit();
    await again;
    t.deepEqual(await last, [9]);
    t.deepEqual(order, ["read", "write", "migrate", "script", "suspended"]);
  });

  test(`close() after reconnect() of ${name} has the last word`, async (t) => {
    const { client, file, pass, replaced } = await suspendedClient(t);
    if (isClosed) client.close();
    const reconnected = t.throwsAsync(client.reconnect(), closed);
    const waiting = [client.execute("select 1"), client.transaction("read")];
    client.close();
    t.true(client.closed);
    // At once: the action has the file still.
    for (const call of waiting) await t.throwsAsync<Error>(call as Promise<never>, closed);
    await reconnected;
    await t.throwsAsync(client.execute("select 1"), closed);
    pass();
    await replaced;
    t.true(client.closed);
    if (hasProc) t.deepEqual(descriptorsOf(file), []);
    await client.reconnect();
    t.is(await selectValue(client, "select a from t"), 1);
  });

  test(`shutdown() after reconnect() of ${name} has the last word`, async (t) => {
    const { client, file, pass, replaced } = await suspendedClient(t);
    if (isClosed) client.close();
    const reconnected = t.throwsAsync(client.reconnect(), closed);
    const waiting = t.throwsAsync(client.execute("select 1"), closed);
    const report = await client.shutdown();
    t.like(report, { path: file, drained: 0, cancelled: 1, connections: 0, walLeft: false });
    await waiting;
    await reconnected;
    pass();
    await replaced;
    t.true(client.closed);
    if (hasProc) t.deepEqual(descriptorsOf(file), []);
  });

  test(`shutdown() with drain after reconnect() of ${name} lets the waiting calls finish`, async (t) => {
    const { client, file, pass, replaced } = await suspendedClient(t);
    if (isClosed) client.close();
    const reconnected = t.throwsAsync(client.reconnect(), closed);
    const read = selectColumn(client, "select a from t");
    const write = client.execute("insert into t values (2)");
    const begin = client.transaction("write");
    const report = client.shutdown({ drain: true });
    t.true(client.closed);
    await t.throwsAsync(begin, closed);
    await t.throwsAsync(client.execute("select 1"), closed);
    pass();
    await replaced;
    t.deepEqual(await read, [1]);
    await write;
    // What was open before the swap is opened again for what was called before.
    const connections = isClosed ? 1 : 2;
    t.like(await report, { drained: 2, cancelled: 1, connections, walLeft: false });
    await reconnected;
    t.true(client.closed);
    if (hasProc) t.deepEqual(descriptorsOf(file), []);
    await assertNothingBeside(t, file);
  });

  test(`the limit of a drain, and close(), end it after reconnect() of ${name}`, async (t) => {
    for (const end of ["limit", "close"] as const) {
      const { client, file, pass, replaced } = await suspendedClient(t);
      if (isClosed) client.close();
      const reconnected = client.reconnect();
      const read = client.execute("select 1");
      const timeoutMs = end === "limit" ? 30 : 10_000;
      const report = client.shutdown({ drain: true, timeoutMs });
      if (end === "close") client.close();
      await t.throwsAsync(read, closed);
      t.like(await report, { drained: 0, cancelled: 1, connections: 0 });
      pass();
      await t.throwsAsync(reconnected, closed);
      await replaced;
      if (hasProc) t.deepEqual(descriptorsOf(file), []);
    }
  });

  test.serial(`shutdownAll() finds what reconnect() of ${name} is about to open`, async (t) => {
    const { client, file, pass, replaced } = await suspendedClient(t);
    if (isClosed) client.close();
    const reconnected = client.reconnect();
    const waiting = client.execute("select 1");
    const { clients, failures } = await shutdownAll();
    t.deepEqual(failures, []);
    t.is(clients.length, 1);
    t.like(clients, [{ path: file, cancelled: 1, connections: 0 }]);
    await t.throwsAsync(waiting, closed);
    pass();
    await t.throwsAsync(reconnected, closed);
    await replaced;
    t.true(client.closed);
    if (hasProc) t.deepEqual(descriptorsOf(file), []);
    t.deepEqual((await shutdownAll()).clients, []);
  });
}

test("shutdown() with drain after reconnect() lets finish what was called before that, too", async (t) => {
  const { client, file, pass, replaced } = await suspendedClient(t);
  const before = selectValue(client, countTo(500_000));
  const reconnected = t.throwsAsync(client.reconnect(), closed);
  const report = client.shutdown({ drain: true });
  pass();
  t.is(await before, 500_000);
  t.like(await report, { drained: 1, cancelled: 0 });
  await Promise.all([replaced, reconnected]);
  if (hasProc) t.deepEqual(descriptorsOf(file), []);
});

test("reconnect() after a shutdown() that still drains opens one client, not two", async (t) => {
  const { client, file, pass, replaced } = await suspendedClient(t);
  const first = t.throwsAsync(client.reconnect(), closed);
  const waiting = t.throwsAsync(client.execute("select 1"), closed);
  const report = client.shutdown({ drain: true });
  const second = client.reconnect();
  await waiting;
  t.false(client.closed);
  pass();
  await Promise.all([replaced, first, second, report]);
  t.is(await selectValue(client, "select a from t"), 1);
  client.close();
  if (hasProc) t.deepEqual(descriptorsOf(file), []);
});

test("of several shutdowns with drain after reconnect() the earliest limit counts", async (t) => {
  const { client, pass, replaced } = await suspendedClient(t);
  const reconnected = t.throwsAsync(client.reconnect(), closed);
  const waiting = t.throwsAsync(client.execute("select 1"), closed);
  const long = client.shutdown({ drain: true, timeoutMs: 600_000 });
  const short = client.shutdown({ drain: true, timeoutMs: 50 });
  // The action has the file all the while.
  t.deepEqual(await short, await long);
  await Promise.all([reconnected, waiting]);
  pass();
  await replaced;
  t.true(client.closed);
});

test("what waits for reconnect() can be aborted", async (t) => {
  const { client, pass, replaced } = await suspendedClient(t);
  const reconnected = client.reconnect();
  const reason = new Error("enough");
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = client.execute({ sql: "insert into t values (2)", signal });
  controller.abort(reason);
  t.is(await t.throwsAsync(waiting), reason);
  t.is(await t.throwsAsync(client.batch(["select 1"], "read", { signal })), reason);
  pass();
  await Promise.all([replaced, reconnected]);
  t.deepEqual(await selectColumn(client, "select a from t"), [1]);
});

test("more transactions may wait for reconnect() than the client has connections", async (t) => {
  const { client, pass, replaced } = await suspendedClient(t, { concurrency: 2 });
  const reconnected = client.reconnect();
  const transactions = Array.from({ length: 5 }, () => client.transaction("read"));
  pass();
  await Promise.all([replaced, reconnected]);
  for (const transaction of transactions) {
    t.is(await selectValue(await transaction, "select a from t"), 1);
    await (await transaction).commit();
  }
});

test("where the file cannot be opened, reconnect() and what waits for it end in that error", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const { passed, pass } = barrier();
  const replaced = suspended(async (path) => {
    await passed;
    await rename(path, `${path}.away`);
    await mkdir(path);
  });
  const reconnected = client.reconnect();
  const waiting = client.execute("select 1");
  pass();
  await replaced;
  const cannot = { instanceOf: LibsqlError, code: "SQLITE_CANTOPEN" };
  await t.throwsAsync(reconnected, cannot);
  await t.throwsAsync(waiting, cannot);
  t.true(client.closed);
  await rm(file, { recursive: true });
  await rename(`${file}.away`, file);
  await client.reconnect();
  t.deepEqual(await selectColumn(client, "select a from t"), []);
});

for (const order of ["before", "while", "after"]) {
  test(`an aborted replaceDatabase() does not let reconnect() open the file (called ${order} it waits)`, async (t) => {
    const { client } = await versionOne(t, "delete");
    const { passed, pass } = barrier();
    const { passed: begun, pass: begin } = barrier();
    const replaced = client.replaceDatabase({
      build: async (staging, old) => {
        begin();
        await passed;
        await nextVersion(staging, old);
      },
    });
    await begun;
    const reconnected: Array<Promise<void>> = [];
    const reconnect = (): unknown => reconnected.push(client.reconnect());
    if (order === "before") reconnect();
    const controller = new AbortController();
    const second = client.replaceDatabase({ build: nextVersion, signal: controller.signal });
    if (order === "while") reconnect();
    controller.abort(new Error("changed my mind"));
    await t.throwsAsync(second, { message: "changed my mind" });
    reconnect();
    let isOver = false;
    void Promise.allSettled(reconnected).then(() => (isOver = true));
    // An opening takes some ms: it would be in the way of the swap, which would fail.
    await delay(50);
    t.false(isOver);
    pass();
    await replaced;
    await Promise.all(reconnected);
    t.is(await versionOf(t, client), 2);
  });
}

test("the report of shutdown() counts the calls that close() has ended before a reconnect()", async (t) => {
  const { client, pass, replaced } = await suspendedClient(t);
  const waiting = t.throwsAsync(client.execute("select 1"), closed);
  const reconnected = t.throwsAsync(client.reconnect(), closed);
  client.close();
  const { cancelled, steps } = await client.shutdown();
  t.is(cancelled, 1);
  t.is(steps.filter(({ step }) => step === "drain").length <= 1, true);
  pass();
  await Promise.all([waiting, reconnected, replaced]);
});
