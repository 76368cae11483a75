import test from "ava";
import type { InValue } from "latchdb";
import { openClient, selectColumn, selectValue } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

const LONG = 1200;

function inserts(value: number, count: number): { sql: string; args: InValue[] }[] {
  return Array.from({ length: count }, () => ({ sql: "insert into t values (?)", args: [value] }));
}

test("calls of a transaction keep their order behind long batches", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t(a)");
  const transaction = await client.transaction("write");
  const batches = [transaction.batch(inserts(1, LONG)), transaction.batch(inserts(2, LONG))];
  const count = selectValue(transaction, "select count(*) from t");
  const committed = transaction.commit();
  await Promise.all([...batches, committed]);
  t.is(await count, 2 * LONG);
  t.deepEqual(await selectColumn(client, "select distinct a from t order by rowid"), [1, 2]);
});

test("calls of a client keep their order behind long batches", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t(a)");
  const batch = client.batch(inserts(1, LONG), "write");
  const count = selectValue(client, "select count(*) from t");
  const begun = client.transaction("write");
  await batch;
  t.is(await count, LONG);
  const transaction = await begun;
  t.is(await selectValue(transaction, "select count(*) from t"), LONG);
  transaction.close();
});

test("a batch with an argument that is refused leaves its transaction as it was", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t(a)");
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (1)");
  const refused = unchecked<InValue>(undefined);
  for (const length of [1, LONG]) {
    const batch = [...inserts(2, length), { sql: "insert into t values (?)", args: [refused] }];
    await t.throwsAsync(transaction.batch(batch), { instanceOf: TypeError });
  }
  await transaction.commit();
  t.deepEqual(await selectColumn(client, "select a from t"), [1]);
});

test("a call made by an argument's own code is a call of its own", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t(a, b)");
  let inner: Promise<unknown> | undefined;
  const args = {
    get a() {
      inner = client.execute("insert into t values (?, ?)", ["inner", 1]);
      return "outer";
    },
    b: 2,
  };
  await client.execute("insert into t values (:a, :b)", args);
  await inner;
  t.deepEqual(await selectColumn(client, "select a || b from t order by a"), [
    "inner1.0",
    "outer2.0",
  ]);
});

test("a long batch that is aborted while it is written writes nothing", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t(a)");
  const controller = new AbortController();
  let read = 0;
  const counted = {
    sql: "insert into t values (:a)",
    args: {
      get a() {
        if (++read === 60_000) controller.abort(new Error("enough"));
        return 1;
      },
    },
  };
  const batch = Array.from({ length: 200_000 }, () => counted);
  const aborted = client.batch(batch, "write", { signal: controller.signal });
  await t.throwsAsync(aborted, { message: "enough" });
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("a signal that was aborted before stops every call, in transactions too", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t(a)");
  const signal = AbortSignal.abort(new Error("too late"));
  const aborted = { message: "too late" };
  await t.throwsAsync(client.transaction("write", { signal }), aborted);
  const transaction = await client.transaction("write");
  const sql = "insert into t values (1)";
  await t.throwsAsync(transaction.execute({ sql, signal }), aborted);
  await t.throwsAsync(transaction.batch([sql], { signal }), aborted);
  await t.throwsAsync(transaction.executeMultiple(sql, { signal }), aborted);
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("what is no signal is refused before anything runs, and null is none", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t(a)");
  const sql = "insert into t values (1)";
  const bogus = unchecked<AbortSignal>({});
  await t.throwsAsync(client.execute({ sql, signal: bogus }), { instanceOf: TypeError });
  t.is(await selectValue(client, "select count(*) from t"), 0);
  await client.execute({ sql, signal: unchecked<AbortSignal>(null) });
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

test("a transaction lets go of its signal when its client is closed", async (t) => {
  const client = await openClient(t);
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...listener: Parameters<typeof add>) => {
    listeners++;
    add(...listener);
  };
  signal.removeEventListener = (...listener: Parameters<typeof remove>) => {
    listeners--;
    remove(...listener);
  };
  await client.transaction("write", { signal });
  t.true(listeners > 0);
  client.close();
  t.is(listeners, 0);
});
