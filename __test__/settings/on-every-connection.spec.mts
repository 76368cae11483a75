import { join } from "node:path";
import test from "ava";
import { openClient, selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";

for (const [pragma, value] of [
  ["foreign_keys", 0],
  ["busy_timeout", 1234],
  ["cache_size", -1234],
] as const) {
  test(`${pragma} holds inside a later transaction and outside while it is open`, async (t) => {
    const client = await openClient(t);
    await client.execute(`pragma ${pragma} = ${value}`);
    const transaction = await client.transaction("deferred");
    t.is(await selectValue(transaction, `pragma ${pragma}`), value);
    t.is(await selectValue(client, `pragma ${pragma}`), value);
    await transaction.commit();
    t.is(await selectValue(client, `pragma ${pragma}`), value);
  });

  test(`${pragma} set by a script holds as well`, async (t) => {
    const client = await openClient(t);
    await client.executeMultiple(`pragma ${pragma} = ${value};`);
    const transaction = await client.transaction("deferred");
    t.is(await selectValue(transaction, `pragma ${pragma}`), value);
    t.is(await selectValue(client, `pragma ${pragma}`), value);
    await transaction.commit();
  });

  test(`${pragma} set while a transaction is open holds after it`, async (t) => {
    const client = await openClient(t);
    const first = await client.transaction("deferred");
    await client.execute(`pragma ${pragma} = ${value}`);
    await first.commit();
    t.is(await selectValue(client, `pragma ${pragma}`), value);
    const second = await client.transaction("deferred");
    t.is(await selectValue(second, `pragma ${pragma}`), value);
    t.is(await selectValue(client, `pragma ${pragma}`), value);
    await second.commit();
  });
}

test("the last value of a setting is the one that holds", async (t) => {
  const client = await openClient(t);
  await client.execute("pragma foreign_keys = off");
  await client.execute("pragma foreign_keys = on");
  const transaction = await client.transaction("deferred");
  t.is(await selectValue(transaction, "pragma foreign_keys"), 1);
  t.is(await selectValue(client, "pragma foreign_keys"), 1);
  await transaction.commit();
});

test("a setting of one client is not that of another", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const other = database.open();
  await client.execute("pragma foreign_keys = off");
  t.is(await selectValue(other, "pragma foreign_keys"), 1);
});

test("a temporary table is there in a later transaction and after it", async (t) => {
  const client = await openClient(t);
  await client.execute("create temp table draft (a)");
  await client.execute("insert into draft values (1)");
  const transaction = await client.transaction("deferred");
  t.deepEqual(await selectColumn(transaction, "select a from draft"), [1]);
  await transaction.execute("insert into draft values (2)");
  await transaction.commit();
  t.deepEqual(await selectColumn(client, "select a from draft"), [1, 2]);
});

test("a temporary table is there for a call that was made during a transaction", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("create temp table draft (a); insert into draft values (1)");
  const transaction = await client.transaction("deferred");
  const reading = selectColumn(client, "select a from draft");
  await transaction.commit();
  t.deepEqual(await reading, [1]);
});

test("an attached database is there in a later transaction and after it", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("attach database ? as other", [join(database.directory, "other.db")]);
  await client.execute("create table other.t (a)");
  const transaction = await client.transaction("write");
  await transaction.execute("insert into other.t values (1)");
  await transaction.commit();
  t.deepEqual(await selectColumn(client, "select a from other.t"), [1]);
});

test("an attached database is there for a call that was made during a transaction", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("attach database ? as other", [join(database.directory, "other.db")]);
  await client.executeMultiple("create table other.t (a); insert into other.t values (1)");
  const transaction = await client.transaction("deferred");
  const reading = selectColumn(client, "select a from other.t");
  await transaction.commit();
  t.deepEqual(await reading, [1]);
});
