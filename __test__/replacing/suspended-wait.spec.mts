/** What a suspension waits for, and what it does not begin with. */
import test from "ava";
import { LibsqlError } from "latchdb";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { countTo, endlessQuery, journalModes } from "../support/queries.mjs";
import { barrier, openSuspendable, replaceBy, suspendable } from "../support/suspension.mjs";

const active = { instanceOf: LibsqlError, code: "TRANSACTION_ACTIVE" };

for (const mode of journalModes) {
  test(`an open transaction goes on, and is waited for (${mode})`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file, mode);
    const transaction = await client.transaction("write");
    let hasBegun = false;
    const replaced = suspended(async (path) => {
      hasBegun = true;
      t.deepEqual(await rowsOf(path), [1, 2, 3]);
      await replaceBy(path, mode, 10);
    });
    const queued = selectColumn(client, "select a from t");
    await transaction.execute("insert into t values (1)");
    await transaction.batch(["insert into t values (2)"]);
    await transaction.executeMultiple("insert into t values (3)");
    t.deepEqual(await selectColumn(transaction, "select a from t"), [1, 2, 3]);
    t.false(hasBegun);
    await transaction.commit();
    await replaced;
    t.deepEqual(await queued, [10]);
  });

  test(`a transaction that stays open ends the wait at its limit, and nothing else (${mode})`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file, mode);
    const transaction = await client.transaction("write");
    const never = suspended(() => Promise.resolve(t.fail("the action has run")), { timeoutMs: 50 });
    const queued = selectColumn(client, "select a from t");
    const error = await t.throwsAsync(never, active);
    t.regex(error?.message ?? "", /within 50 ms: 1 of its transactions is still open\. Commit/);
    t.deepEqual(await queued, []);
    await transaction.execute("insert into t values (1)");
    await transaction.commit();
    t.deepEqual(await selectColumn(client, "select a from t"), [1]);
    await suspended((path) => replaceBy(path, mode, 10));
    t.deepEqual(await selectColumn(client, "select a from t"), [10]);
  });
}

for (const [how, end] of [
  ["rollback()", "rollback"],
  ["close()", "close"],
] as const) {
  test(`a transaction that ends by ${how} is no longer waited for`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file);
    const transaction = await client.transaction("write");
    await transaction.execute("insert into t values (1)");
    const seen = suspended(rowsOf);
    await transaction[end]();
    t.deepEqual(await seen, []);
  });
}

test("a transaction that was called for before, and begins only then, is waited for", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const counting = client.execute(countTo(200_000));
  const begun = client.transaction("write");
  const seen = suspended(rowsOf);
  const transaction = await begun;
  await counting;
  await transaction.execute("insert into t values (1)");
  await transaction.commit();
  t.deepEqual(await seen, [1]);
});

test("a long batch that was called for before is written and run first", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const statements = Array.from({ length: 5000 }, (_, n) => `insert into t values (${n})`);
  const transaction = await client.transaction("write");
  const inTransaction = transaction.batch(statements);
  const committed = transaction.commit();
  const outside = client.batch(statements, "write");
  const rows = await suspended(rowsOf);
  await Promise.all([inTransaction, committed, outside]);
  t.is(rows.length, 10_000);
});

test("a transaction closed in the middle of a long batch leaves nothing to the new file", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const transaction = await client.transaction("write");
  const statements = Array.from({ length: 20_000 }, (_, n) => `insert into t values (${n})`);
  const batch = transaction.batch(statements);
  const replaced = suspended((path) => replaceBy(path, "delete", 10));
  transaction.close();
  await t.throwsAsync(batch, { code: "TRANSACTION_CLOSED" });
  await replaced;
  t.deepEqual(await selectColumn(client, "select a from t"), [10]);
});

test("a call that does not end is named as the reason", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const controller = new AbortController();
  const endless = client.execute({ sql: endlessQuery, signal: controller.signal });
  const error = await t.throwsAsync(
    suspended(() => Promise.resolve(), { timeoutMs: 50 }),
    active,
  );
  t.regex(error?.message ?? "", /still runs\. Wait for that call, or abort it/);
  controller.abort(new Error("enough"));
  await t.throwsAsync(endless, { message: "enough" });
  t.is(await selectValue(client, "select 1"), 1);
});

test("the caller's signal ends the wait, and nothing else", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const run = (signal: AbortSignal): Promise<void> =>
    suspended(() => Promise.resolve(t.fail("the action has run")), { signal });
  await t.throwsAsync(run(AbortSignal.abort(new Error("before"))), { message: "before" });
  const transaction = await client.transaction("write");
  const controller = new AbortController();
  const waiting = run(controller.signal);
  const queued = client.execute("select 1");
  controller.abort(new Error("meanwhile"));
  await t.throwsAsync(waiting, { message: "meanwhile" });
  await t.notThrowsAsync(queued);
  await transaction.commit();
});

test("the signal does not reach an action that runs", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { suspended } = await suspendable(t, file);
  const controller = new AbortController();
  const answer = await suspended(
    () => {
      controller.abort();
      return Promise.resolve("done");
    },
    { signal: controller.signal },
  );
  t.is(answer, "done");
});

test("calls that wait for the end of a suspension can be aborted", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const { passed, pass } = barrier();
  const replaced = suspended(() => passed);
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = [
    client.execute({ sql: "insert into t values (1)", signal }),
    client.batch(["insert into t values (2)"], "write", { signal }),
    client.transaction("write", { signal }),
  ];
  const other = client.execute("insert into t values (3)");
  controller.abort(new Error("enough"));
  for (const call of aborted) await t.throwsAsync(call, { message: "enough" });
  pass();
  await replaced;
  await other;
  t.deepEqual(await selectColumn(client, "select a from t"), [3]);
});

for (const [what, sql] of [
  ["a TEMP table", "create temp table own (a)"],
  ["an attached database", "attach ':memory:' as other"],
  ["an exclusive lock", "pragma locking_mode = exclusive"],
] as const) {
  test(`a client with ${what} is refused, at once`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file);
    const refusal = { instanceOf: LibsqlError, code: "CONNECTION_STATE" };
    const run = (): Promise<void> => suspended(() => Promise.resolve(t.fail("the action has run")));
    await client.execute(sql);
    await t.throwsAsync(run(), refusal);
    // It does not stand in line first.
    const transaction = await client.transaction("write");
    const queued = client.execute("select 1");
    await t.throwsAsync(run(), refusal);
    await transaction.commit();
    await queued;
    t.is(await selectValue(client, "select 1"), 1);
    await client.reconnect();
    t.is(await suspended(() => Promise.resolve("done")), "done");
  });
}

test("a TEMP table that is made while it waits ends the wait, before the transaction has ended", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const transaction = await client.transaction("write");
  const waiting = suspended(() => Promise.resolve(t.fail("the action has run")));
  await transaction.execute("create temp table own (a)");
  await t.throwsAsync(waiting, { code: "CONNECTION_STATE" });
  await transaction.commit();
  t.deepEqual(await selectColumn(client, "select a from own"), []);
});

for (const [location, inMemory] of [
  ["file::memory:", true],
  ["file::memory:?cache=shared", true],
  ["", false],
] as const) {
  test(`a database that is no file is refused: ${location || "the empty path"}`, async (t) => {
    const { client, suspended } = openSuspendable(location, { inMemory, concurrency: 1 });
    t.teardown(() => client.close());
    await client.execute("create table t (a)");
    await t.throwsAsync(
      suspended(() => Promise.resolve(t.fail("the action has run"))),
      { instanceOf: LibsqlError, code: "NOT_A_FILE" },
    );
    t.deepEqual(await selectColumn(client, "select a from t"), []);
  });
}

/** The rows of `t`, as a client of its own reads them. */
async function rowsOf(file: string): Promise<unknown[]> {
  const { client } = openSuspendable(file, { readOnly: true });
  try {
    return await selectColumn(client, "select a from t");
  } finally {
    client.close();
  }
}
