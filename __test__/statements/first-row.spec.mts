/** `get()`: the first row of a statement, without the others. */
import test from "ava";
import { createClient } from "latchdb";
import { openClient, selectColumn, temporaryDatabase } from "../support/database.mjs";
import { lockElsewhere } from "../support/processes.mjs";

const endless = "with recursive c (n) as (select 1 union all select n + 1 from c) select n from c";

test("the first row, or undefined", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("create table t (a, b); insert into t values (1, 'x'), (2, 'y')");
  t.deepEqual({ ...(await client.get("select * from t where a = ?", [2])) }, { a: 2, b: "y" });
  t.is((await client.get({ sql: "select b from t where a = :a", args: { a: 1 } }))?.[0], "x");
  t.is(await client.get("select * from t where a = 3"), undefined);
  t.is(await client.get("update t set b = 'z' where a = 2"), undefined);
  const tx = await client.transaction();
  t.is((await tx.get("select b from t where a = ?", [2]))?.["b"], "z");
  await tx.commit();
});

test("rows are what the client's rowMode says", async (t) => {
  const client = createClient({ url: ":memory:", rowMode: "object" });
  t.teardown(() => client.close());
  t.deepEqual(await client.get("select 1 as a"), { a: 1 });
});

test("no further row is computed, on a thread and in place", async (t) => {
  for (const execution of ["auto", "thread"] as const) {
    const client = await openClient(t, { execution });
    for (let i = 0; i < 10; i++) t.is((await client.get(endless))?.["n"], 1);
    const tx = await client.transaction("read");
    t.is((await tx.get(endless))?.["n"], 1);
    await tx.rollback();
    // No statement stays open.
    await client.execute("vacuum");
  }
});

test("a call in place stays one", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("create table t (a integer primary key); insert into t values (1)");
  const before = client.stats().calls.inPlace;
  for (let i = 0; i < 20; i++) await client.get("select a from t where a = ?", [1]);
  t.true(client.stats().calls.inPlace - before >= 10);
});

test("a statement is answered whole by execute() again", async (t) => {
  const client = await openClient(t);
  const text = "select value from json_each('[1,2,3]')";
  for (let i = 0; i < 5; i++) {
    t.is((await client.get(text))?.["value"], 1);
    t.is((await client.execute(text)).rows.length, 3);
  }
});

test("a call that waits wants the first row alone, too", async (t) => {
  const client = await openClient(t);
  const slow = {
    sql: "select :a",
    args: {
      get a() {
        const until = performance.now() + 5;
        while (performance.now() < until);
        return 1;
      },
    },
  };
  const batch = client.batch([slow, ...Array.from({ length: 1000 }, () => "select 1")]);
  const rows = [1, 2, 3].map(() => client.get({ sql: endless, args: [] }));
  for (const row of rows) t.is((await row)?.["n"], 1);
  await batch;
});

test("a write does all of its work, and its commit fails as it would", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a integer primary key)");
  const insert = "insert into t values (1), (2), (3) returning a";
  t.is((await client.get(insert))?.["a"], 1);
  t.deepEqual(await selectColumn(client, "select a from t"), [1, 2, 3]);
  await client.execute("create table child (a references t (a) deferrable initially deferred)");
  await t.throwsAsync(client.get("insert into child values (7), (8) returning a"), {
    code: "SQLITE_CONSTRAINT",
  });
  t.deepEqual(await selectColumn(client, "select a from child"), []);
  const lock = await lockElsewhere(t, file, "write");
  await t.throwsAsync(client.get("insert into t values (9) returning a"), { code: "SQLITE_BUSY" });
  await lock.release();
  t.is((await client.get("delete from t returning a"))?.["a"], 1);
  t.is((await client.get("select count(*) as n from t"))?.["n"], 0);
});

test("a PRAGMA takes effect", async (t) => {
  const client = await openClient(t);
  t.is((await client.get("pragma journal_mode = wal"))?.[0], "wal");
  t.is((await client.get("pragma wal_checkpoint(truncate)"))?.["busy"], 0);
  await client.get("pragma user_version = 7");
  t.is((await client.get("pragma user_version"))?.[0], 7);
});

test("errors and aborts are those of execute()", async (t) => {
  const client = await openClient(t);
  await t.throwsAsync(client.get("select"), { code: "SQLITE_ERROR" });
  await t.throwsAsync(client.get("select abs(-9223372036854775808)"), { code: "SQLITE_ERROR" });
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  t.is(await t.throwsAsync(client.get({ sql: "select 1", signal })), reason);
  const controller = new AbortController();
  const running = client.get({ sql: `select sum(n) from (${endless})`, signal: controller.signal });
  setImmediate(() => controller.abort(reason));
  t.is(await t.throwsAsync(running), reason);
  client.close();
  await t.throwsAsync(client.get("select 1"), { code: "CLIENT_CLOSED" });
});

test("it runs in the transaction that BEGIN has begun, and behind calls that wait", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  const begun = client.execute("begin");
  const written = client.get("insert into t values (?), (2) returning a", [1]);
  const read = client.get("select count(*) as n from t");
  await begun;
  t.is((await written)?.["a"], 1);
  t.is((await read)?.["n"], 2);
  await client.execute("rollback");
  t.is((await client.get("select count(*) as n from t"))?.["n"], 0);
});
