import { channel } from "node:diagnostics_channel";
import test from "ava";
import { createClient, LibsqlError, shutdownAll, type LocalClient } from "latchdb";
import * as sqlite3 from "latchdb/sqlite3";
import { selectValue, temporaryDatabase, temporaryDirectory } from "../support/database.mjs";
import { assertNothingBeside, assertNothingOpen } from "../support/open-files.mjs";
import { lockElsewhere, runProgram } from "../support/processes.mjs";
import { countTo, endlessQuery, prepare } from "../support/queries.mjs";

// Serial: they all close everything.

const closed = { instanceOf: LibsqlError, code: "CLIENT_CLOSED" };

test.serial("every client is closed, on files and in memory, from every entry", async (t) => {
  const database = await temporaryDatabase(t);
  const clients = [
    createClient({ url: database.url }),
    createClient({ url: ":memory:" }),
    createClient({ url: "file::memory:?cache=shared" }),
    sqlite3.createClient({ url: database.url }),
  ];
  await prepare(clients[0] as LocalClient, "wal");
  const calls = clients.map((client) => t.throwsAsync(client.execute(endlessQuery), closed));
  const { clients: reports, failures, ms } = await shutdownAll();
  await Promise.all(calls);
  t.deepEqual(
    reports.map(({ path, cancelled }) => ({ path, cancelled })),
    [database.file, "file::memory:", "file::memory:?cache=shared", database.file].map((path) => ({
      path,
      cancelled: 1,
    })),
  );
  for (const { path, connections } of reports) {
    // A long read of a file runs on a connection of its own, once it has shown that it is long.
    t.true(connections === 1 || (path === database.file && connections === 2), `${connections}`);
  }
  t.deepEqual(failures, []);
  t.true(ms > 0 && ms < 5000, `${ms} ms`);
  for (const client of clients) {
    t.true(client.closed);
    await t.throwsAsync(client.execute("select 1"), closed);
  }
  assertNothingOpen(t, database.file);
  await assertNothingBeside(t, database.file);
});

test.serial("calls are refused from the moment of the call", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const shutdown = shutdownAll();
  t.true(client.closed);
  await t.throwsAsync(client.execute("select 1"), closed);
  await shutdown;
});

test.serial("with `drain`, everything that was called before is answered", async (t) => {
  const database = await temporaryDatabase(t);
  const clients = [0, 1].map(() => database.open({ timeout: 60_000 }));
  await prepare(clients[0] as LocalClient, "wal");
  const calls = clients.flatMap((client, i) => [
    client.execute(countTo(100_000)),
    client.batch([{ sql: "insert into t values (?)", args: [i] }]),
  ]);
  const { clients: reports } = await shutdownAll({ drain: true });
  await t.notThrowsAsync(Promise.all(calls));
  t.deepEqual(
    reports.map(({ drained, cancelled }) => [drained, cancelled]),
    [
      [2, 0],
      [2, 0],
    ],
  );
  t.is(await selectValue(database.open(), "select count(*) from t"), 2);
});

test.serial("its limit ends the draining, also of a shutdown that is longer", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const call = t.throwsAsync(client.execute(endlessQuery), closed);
  const own = client.shutdown({ drain: true, timeoutMs: 600_000 });
  const { clients } = await shutdownAll({ drain: true, timeoutMs: 100 });
  await call;
  t.is(clients[0], await own);
  t.true((await own).ms >= 90 && (await own).ms < 10_000);
});

test.serial("called twice at once, both have the same reports", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const call = client.execute(countTo(1_000_000));
  const [first, second] = await Promise.all([
    shutdownAll({ drain: true }),
    shutdownAll({ drain: true }),
  ]);
  await t.notThrowsAsync(call);
  t.is(first.clients.length, 1);
  t.is(first.clients[0], second.clients[0]);
});

test.serial("called again, there is nothing left; new clients can be opened", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await prepare(client, "delete");
  t.is((await shutdownAll()).clients.length, 1);
  t.deepEqual((await shutdownAll()).clients, []);
  const next = database.open();
  t.is(await selectValue(next, "select count(*) from t"), 0);
  await client.reconnect();
  t.false(client.closed);
  t.is(await selectValue(client, "select count(*) from t"), 0);
  t.is((await shutdownAll()).clients.length, 2);
});

test.serial("a client that is opened meanwhile stays open", async (t) => {
  const database = await temporaryDatabase(t);
  const before = database.open();
  const call = before.execute(countTo(500_000));
  const shutdown = shutdownAll({ drain: true });
  const after = database.open();
  await shutdown;
  await call;
  t.false(after.closed);
  t.is(await selectValue(after, "select 1"), 1);
});

test.serial("a writer that waits for another process does not hold it up", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open({ timeout: 600_000 });
  await prepare(client, "wal");
  const lock = await lockElsewhere(t, database.file, "write");
  const call = t.throwsAsync(client.execute("insert into t values (1)"), closed);
  t.true((await shutdownAll()).ms < 5000);
  await call;
  await lock.release();
});

test.serial("it keeps the process alive until everything is closed", async (t) => {
  const directory = await temporaryDirectory(t);
  const { code, lines } = await runProgram(t, "shutdown-all", { arguments: [directory] });
  t.is(code, 0);
  t.deepEqual(lines, ["answered", "shut down"]);
});

test.serial("there is one message for each step, with the path", async (t) => {
  const database = await temporaryDatabase(t);
  const messages: Array<{ path: string; step: string; ms: number }> = [];
  const listen = (message: unknown): void => void messages.push(message as (typeof messages)[0]);
  const closings = channel("latchdb:close");
  closings.subscribe(listen);
  t.teardown(() => closings.unsubscribe(listen));
  const stepsOf = (): string[] => messages.splice(0).map(({ step }) => step);

  const client = database.open();
  await client.execute("select 1");
  const report = await client.shutdown({ drain: true });
  t.true(messages.every(({ path, ms }) => path === database.file && ms >= 0));
  t.deepEqual(
    messages.map(({ step, ms }) => ({ step, ms })),
    report.steps,
  );
  t.deepEqual(stepsOf(), ["drain", "cancel", "join", "close"]);

  await client.reconnect();
  client.close();
  t.deepEqual(stepsOf(), ["cancel", "join", "close"]);
  client.close();
  t.deepEqual(stepsOf(), []);

  await client.reconnect();
  database.open();
  await shutdownAll();
  t.deepEqual(stepsOf().sort(), ["cancel", "cancel", "close", "close", "join", "join"]);
});

test.serial("the messages of clients that are open at process.exit() come too", async (t) => {
  const directory = await temporaryDirectory(t);
  const { code, lines } = await runProgram(t, "exit-messages", { arguments: [directory] });
  t.is(code, 0);
  t.deepEqual(lines, ["cancel", "join", "close"]);
});
