import test from "ava";
import { LibsqlError } from "latchdb";
import type { Client, Transaction } from "latchdb";
import { elapsed } from "../support/elapsed.mjs";
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
  const waits = name === "transaction";
  const what = waits ? "waits for its timeout" : "does not wait";
  test(`while transactions hold all 20 connections, ${name} ${what}`, async (t) => {
    const client = await openClient(t, { timeout: 300 });
    const transactions = await Promise.all(
      Array.from({ length: 20 }, () => client.transaction("deferred")),
    );
    if (waits) {
      const ms = await elapsed(() => t.throwsAsync(call(client), active));
      t.true(ms >= 250, `${ms} ms`);
    }
    const waiting = call(client);
    if (waits) await transactions.pop()?.rollback();
    await t.notThrowsAsync(waiting);
    const answer = await waiting;
    if (waits) (answer as Transaction).close();
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
  const client = await openClient(t, { concurrency: 2, timeout: 100 });
  const first = await client.transaction("deferred");
  const second = await client.transaction("deferred");
  await t.throwsAsync(client.transaction("deferred"), active);
  await first.rollback();
  const third = await client.transaction("deferred");
  t.is(await selectValue(third, "select 1"), 1);
  second.close();
  third.close();
});

test("30 transactions at once take turns, and reads at once with them are answered", async (t) => {
  // On a busy machine a transaction may be idle for long.
  const client = await openClient(t, { timeout: 60_000 });
  await client.execute("create table t (a)");
  const open = async (value: number): Promise<void> => {
    const transaction = await client.transaction("write");
    await transaction.execute("insert into t values (?)", [value]);
    await transaction.commit();
  };
  const numbers = Array.from({ length: 30 }, (_, n) => n);
  const writing = numbers.map((n) => open(n));
  const reading = numbers.map(() => selectValue(client, "select count(*) from t"));
  await Promise.all([...writing, ...reading]);
  t.deepEqual(await selectColumn(client, "select a from t order by rowid"), numbers);
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
