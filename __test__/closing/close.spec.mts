import { readdir } from "node:fs/promises";
import test from "ava";
import { LibsqlError } from "latchdb";
import { openClient, selectValue, temporaryDatabase } from "../support/database.mjs";

test("close() leaves no -wal and no -shm beside the database", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("pragma journal_mode = wal");
  await client.executeMultiple("create table t (a); insert into t values (1)");
  client.close();
  t.deepEqual(await readdir(database.directory), ["test.db"]);
});

test("close() with a transaction open leaves no -wal and no -shm either", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("pragma journal_mode = wal");
  await client.execute("create table t (a)");
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (1)");
  client.close();
  t.deepEqual(await readdir(database.directory), ["test.db"]);
});

test("close() lets go of the write lock of an open transaction", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const other = database.open();
  await client.execute("create table t (a)");
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values ('lost')");
  client.close();
  await other.execute("insert into t values ('kept')");
  t.is(await selectValue(other, "select group_concat(a) from t"), "kept");
});

test("reconnect() lets go of the write lock of an open transaction", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values ('lost')");
  await client.reconnect();
  await client.execute("insert into t values ('kept')");
  t.is(await selectValue(client, "select group_concat(a) from t"), "kept");
});

test("shutdown() gives a promise, and the client is closed when it resolves", async (t) => {
  const client = await openClient(t);
  const shutdown: unknown = client.shutdown();
  t.true(shutdown instanceof Promise);
  await shutdown;
  t.true(client.closed);
  await t.throwsAsync(client.execute("select 1"), {
    instanceOf: LibsqlError,
    code: "CLIENT_CLOSED",
  });
});

test("shutdown() may be called twice, at once or later, and after close()", async (t) => {
  const client = await openClient(t);
  await Promise.all([client.shutdown(), client.shutdown()]);
  await client.shutdown();
  client.close();
  await client.shutdown();
  t.true(client.closed);
});

test("Symbol.dispose closes the client", async (t) => {
  const client = await openClient(t);
  client[Symbol.dispose]();
  t.true(client.closed);
});

test("Symbol.asyncDispose closes the client", async (t) => {
  const client = await openClient(t);
  await client[Symbol.asyncDispose]();
  t.true(client.closed);
});
