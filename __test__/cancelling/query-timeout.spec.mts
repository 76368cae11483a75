/** `queryTimeout`: a statement that runs for too long is interrupted. */
import test from "ava";
import { openClient, selectValue, temporaryDatabase } from "../support/database.mjs";
import { endlessQuery, journalModes, prepare } from "../support/queries.mjs";
import { lockElsewhere } from "../support/processes.mjs";

const queryTimeout = 20;
const reached = {
  code: "SQLITE_INTERRUPT",
  message: /interrupted: the statement has run for longer than its queryTimeout of 20 ms$/m,
};
const slow = { sql: endlessQuery, queryTimeout };

for (const execution of ["auto", "thread"] as const) {
  test(`every call has a limit, of its statement or of its client (${execution})`, async (t) => {
    const { open } = await temporaryDatabase(t);
    const limited = open({ queryTimeout, execution });
    const client = open({ execution });
    for (let run = 0; run < 3; run++) {
      await t.throwsAsync(limited.execute(endlessQuery), reached);
      await t.throwsAsync(client.execute(slow), reached);
    }
    await t.throwsAsync(limited.get(endlessQuery), reached);
    await t.throwsAsync(client.get(slow), reached);
    const inBatch = { ...reached, name: "LibsqlBatchError" };
    const failed = await t.throwsAsync(limited.batch(["select 1", endlessQuery]), inBatch);
    t.is((failed as { statementIndex?: number }).statementIndex, 1);
    await t.throwsAsync(client.batch(["select 1", slow]), inBatch);
    await t.throwsAsync(client.batch([endlessQuery], "read", { queryTimeout }), inBatch);
    await t.throwsAsync(limited.migrate([endlessQuery]), inBatch);
    await t.throwsAsync(limited.executeMultiple(`select 1; ${endlessQuery}`), reached);
    await t.throwsAsync(
      client.executeMultiple(`select 1; ${endlessQuery}`, { queryTimeout }),
      reached,
    );
    const read = async (rows: AsyncIterable<unknown>): Promise<void> => {
      for await (const _ of rows);
    };
    await t.throwsAsync(read(limited.iterate(endlessQuery)), reached);
    await t.throwsAsync(read(client.iterate(slow)), reached);
    // A limit of the statement's own.
    const short = "select count(*) from generate_series(1, 200000)";
    const longer = { sql: short, queryTimeout: 60_000, rowMode: "pluck" } as const;
    t.is(await limited.get(longer), 200_000);
  });
}

test("a later part of an iterator has the limit, too", async (t) => {
  const client = await openClient(t);
  const sql = `select value from generate_series(1, 3) union all select * from (${endlessQuery})`;
  const rows = client.iterate({ sql, queryTimeout, rowMode: "pluck" }, { chunk: 3 });
  const values: unknown[] = [];
  const reading = async (): Promise<void> => {
    for await (const value of rows) values.push(value);
  };
  await t.throwsAsync(reading(), reached);
  t.deepEqual(values, [1, 2, 3]);
});

test("a write that is interrupted rolls its transaction back, and a read does not", async (t) => {
  for (const mode of journalModes) {
    const client = await openClient(t);
    await prepare(client, mode);
    const insert = { ...slow, sql: `insert into t ${endlessQuery}` };
    const tx = await client.transaction();
    await tx.execute("insert into t values (1)");
    await t.throwsAsync(tx.execute(slow), reached);
    t.false(tx.closed);
    await t.throwsAsync(
      tx.transaction((inner) => inner.execute(slow)),
      reached,
    );
    await t.throwsAsync(tx.execute(insert), reached);
    t.true(tx.closed);
    await t.throwsAsync(tx.commit(), { code: "TRANSACTION_CLOSED" });
    await t.throwsAsync(client.execute(insert), reached);
    await t.throwsAsync(client.batch(["insert into t values (2)", insert]), reached);
    t.is(await selectValue(client, "select count(*) from t"), 0);
    await client.execute({ sql: "insert into t values (3)", queryTimeout });
    t.is(await selectValue(client, "select count(*) from t"), 1);
  }
});

test("writes that are committed together have limits of their own", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a)");
  const row = { sql: "insert into t values (?)", args: [1], queryTimeout: 60_000 };
  const calls = Array.from({ length: 30 }, (_, i) =>
    client.execute(i === 7 ? { ...slow, sql: `insert into t ${endlessQuery}` } : row),
  );
  const settled = await Promise.allSettled(calls);
  const failed = settled.flatMap((call, i) =>
    call.status === "rejected" ? [[i, call.reason]] : [],
  );
  t.is(failed.length, 1, file);
  t.is(failed[0]?.[0], 7);
  t.like(failed[0]?.[1], { code: "SQLITE_INTERRUPT" });
  t.is(await selectValue(client, "select count(*) from t"), 29);
});

test("waits do not count: for a turn, for a lock, for rows to be fetched", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const client = open({ queryTimeout: 100, timeout: 60_000 });
  await client.execute("create table t (a)");
  const lock = await lockElsewhere(t, file, "exclusive");
  const [first, second] = [1, 2].map((a) => client.execute("insert into t values (?)", [a]));
  const released = new Promise((resolve) => setTimeout(resolve, 300)).then(() => lock.release());
  await Promise.all([first, second, released]);
  // More than the backlog holds: the lane waits until this thread has fetched.
  const sql = "select hex(randomblob(1000)) from generate_series(1, 20000)";
  const rows = client.execute({ sql, queryTimeout: 1_000 });
  const until = performance.now() + 1_300;
  await new Promise(setImmediate);
  while (performance.now() < until);
  t.is((await rows).rows.length, 20_000);
});

test("an abort is the reason where both end a statement", async (t) => {
  const client = await openClient(t);
  const reason = new Error("mine");
  const controller = new AbortController();
  const call = client.execute({ ...slow, queryTimeout: 60_000, signal: controller.signal });
  controller.abort(reason);
  t.is(await t.throwsAsync(call), reason);
  await t.throwsAsync(client.execute({ ...slow, signal: new AbortController().signal }), reached);
});

test("a limit is a number of milliseconds", async (t) => {
  const client = await openClient(t);
  const sql = "select 1";
  await t.throwsAsync(client.execute({ sql, queryTimeout: "1" as never }), {
    instanceOf: TypeError,
  });
  await t.throwsAsync(client.execute({ sql, queryTimeout: NaN }), { instanceOf: RangeError });
  await t.throwsAsync(client.batch([sql], "read", { queryTimeout: NaN }), {
    instanceOf: RangeError,
  });
  await t.throwsAsync(client.executeMultiple(sql, { queryTimeout: NaN }), {
    instanceOf: RangeError,
  });
  for (const limit of [Infinity, 1e300, 0.5]) {
    t.is(await client.get({ sql, queryTimeout: limit, rowMode: "pluck" }), 1);
  }
});
