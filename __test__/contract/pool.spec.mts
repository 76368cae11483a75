import test from "ava";
import { LibsqlError } from "latchdb";
import type { Client } from "latchdb";
import {
  openClient,
  openUrl,
  selectColumn,
  selectValue,
  temporaryDatabase,
} from "../support/database.mjs";

const active = { instanceOf: LibsqlError, code: "TRANSACTION_ACTIVE" };

const calls: Array<[string, (client: Client) => Promise<unknown>]> = [
  ["transaction", (client) => client.transaction("deferred")],
  ["execute", (client) => client.execute("select 1")],
  ["batch", (client) => client.batch(["select 1"])],
  ["migrate", (client) => client.migrate(["select 1"])],
  ["executeMultiple", (client) => client.executeMultiple("select 1")],
];

for (const [name, call] of calls) {
  test(`${name} is TRANSACTION_ACTIVE while transactions hold all 20 connections`, async (t) => {
    const client = await openClient(t);
    const transactions = await Promise.all(
      Array.from({ length: 20 }, () => client.transaction("deferred")),
    );
    await t.throwsAsync(call(client), active);
    for (const transaction of transactions) {
      transaction.close();
    }
  });

  test(`${name} is TRANSACTION_ACTIVE during a transaction in memory`, async (t) => {
    const client = openUrl(t, ":memory:");
    const transaction = await client.transaction("deferred");
    await t.throwsAsync(call(client), active);
    await transaction.rollback();
    await t.notThrowsAsync(call(client));
  });
}

test("a transaction that ends makes room for the next", async (t) => {
  const client = await openClient(t, { concurrency: 2 });
  const first = await client.transaction("deferred");
  const second = await client.transaction("deferred");
  await t.throwsAsync(client.transaction("deferred"), active);
  await first.rollback();
  const third = await client.transaction("deferred");
  t.is(await selectValue(third, "select 1"), 1);
  second.close();
  third.close();
});

test("the client still works while transactions hold all connections but one", async (t) => {
  const client = await openClient(t, { concurrency: 2 });
  const transaction = await client.transaction("deferred");
  t.is(await selectValue(client, "select 1"), 1);
  transaction.close();
});

test("an in-memory database keeps its data between calls, batches and transactions", async (t) => {
  const client = openUrl(t, ":memory:");
  await client.execute("create table t (a)");
  await client.batch(["insert into t values (1)"], "write");
  const transaction = await client.transaction();
  await transaction.execute("insert into t values (2)");
  await transaction.commit();
  t.deepEqual(await selectColumn(client, "select a from t"), [1, 2]);
});

test("calls at once on an in-memory database all succeed", async (t) => {
  const client = openUrl(t, ":memory:");
  await client.execute("create table t (a)");
  await Promise.all(
    Array.from({ length: 50 }, (_, index) => client.execute("insert into t values (?)", [index])),
  );
  t.is(await selectValue(client, "select count(*) from t"), 50);
});

test("a BEGIN that executeMultiple leaves open is rolled back", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const other = database.open();
  await client.execute("create table t (a)");
  await client.executeMultiple("begin immediate; insert into t values (1)");
  await t.notThrowsAsync(other.execute("insert into t values (2)"));
  t.deepEqual(await selectColumn(client, "select a from t"), [2]);
});
