import test from "ava";
import type { LocalClient } from "latchdb";
import { openClient, openUrl, selectValue, temporaryDatabase } from "../support/database.mjs";

test("a temporary table made inside a transaction is there after it, and what was called before still runs", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t(a)");
  const transaction = await client.transaction("write");
  await transaction.execute("create temp table tt(a)");
  await transaction.execute("insert into tt values (1)");
  const before = client.execute("select count(*) from t");
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from tt"), 1);
  t.is((await before).rows[0]?.[0], 0);
  const next = await client.transaction("deferred");
  t.is(await selectValue(next, "select count(*) from tt"), 1);
  await next.commit();
});

test("a client whose TEMP tables are made while other transactions end keeps the lane that has them", async (t) => {
  const client = await openClient(t, { timeout: 20_000 });
  const other = await client.transaction("read");
  const made = client.batch(["create temp table tt(a)", "insert into tt values (1)"], "write");
  await other.execute("select 1");
  await other.commit();
  await made;
  t.is(await selectValue(client, "select count(*) from tt"), 1);
});

test("a call that waits for the only connection ends in SQLITE_BUSY while its transaction is idle", async (t) => {
  const client = await openClient(t, { timeout: 200 });
  await client.execute("create temp table tt(a)");
  const transaction = await client.transaction("deferred");
  const began = performance.now();
  await t.throwsAsync(client.execute("select * from tt"), { code: "SQLITE_BUSY" });
  t.true(performance.now() - began >= 195);
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from tt"), 0);
});

test("a call that waits for the only connection runs once its transaction ends", async (t) => {
  const client = await openClient(t);
  await client.execute("create temp table tt(a)");
  const transaction = await client.transaction("write");
  const count = selectValue(client, "select count(*) from tt");
  await transaction.execute("insert into tt values (1)");
  await transaction.commit();
  t.is(await count, 1);
});

test("a transaction that ends while the main lane is left for the pinned one keeps no connection open", async (t) => {
  const client = await openClient(t, { concurrency: 3 });
  await client.execute("pragma journal_mode = wal");
  const pinned = await client.transaction("deferred");
  const other = await client.transaction("deferred");
  await pinned.execute("create temp table tt(a)");
  await other.execute("select count(*) from sqlite_schema");
  // It has its answer in a later turn of the event loop at the earliest: until then its lane is not left.
  const before = client.execute("select 1");
  const ends = Promise.all([pinned.commit(), other.commit()]);
  await Promise.all([before, ends]);
  t.is(await selectValue(client, "select count(*) from tt"), 0);
  // Only where no other connection has the file open.
  t.is(await selectValue(client, "pragma journal_mode = delete"), "delete");
});

const joining = {
  batch: (client: LocalClient) => client.batch(["select count(*) from tt"]),
  "transaction()": async (client: LocalClient) => {
    const transaction = await client.transaction("deferred");
    const result = await transaction.execute("select count(*) from tt");
    await transaction.commit();
    return [result];
  },
};

for (const [name, call] of Object.entries(joining)) {
  test(`a ${name} that waits for the end of an explicit transaction finds a TEMP table made meanwhile`, async (t) => {
    const client = await openClient(t);
    await client.execute("begin");
    const transaction = await client.transaction("deferred");
    await transaction.execute("create temp table tt(a)");
    await transaction.commit();
    const waiting = call(client);
    await client.execute("commit");
    const [result] = await waiting;
    t.is(result?.rows[0]?.[0], 0);
  });
}

test("ALTER TABLE does not tie a client to one connection", async (t) => {
  const client = await openClient(t, { timeout: 200 });
  await client.executeMultiple("create table t(a); alter table t rename column a to b");
  const transaction = await client.transaction("deferred");
  t.is(await selectValue(client, "select count(*) from t"), 0);
  await transaction.commit();
});

test("a client leaves WAL although its transactions have used other connections", async (t) => {
  const client = await openClient(t);
  await client.execute("pragma journal_mode = wal");
  const [first, second] = [
    await client.transaction("deferred"),
    await client.transaction("deferred"),
  ];
  await Promise.all([first.execute("select 1"), second.execute("select 1")]);
  await Promise.all([first.commit(), second.commit()]);
  t.is(await selectValue(client, "pragma journal_mode = delete"), "delete");
});

test("a client that once set journal_mode = delete does not undo another one's WAL", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("pragma journal_mode = delete");
  const other = openUrl(t, database.url);
  await other.execute("pragma journal_mode = wal");
  const transaction = await client.transaction("write");
  t.is(await selectValue(transaction, "pragma journal_mode"), "wal");
  await transaction.commit();
});

test("a rollback journal's end is a setting that holds on all connections", async (t) => {
  const client = await openClient(t);
  await client.execute("pragma journal_mode = truncate");
  const transaction = await client.transaction("deferred");
  t.is(await selectValue(transaction, "pragma journal_mode"), "truncate");
  await transaction.commit();
});
