/** What callers see while their client is suspended: they wait, in their order, and nothing else. */
import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import test from "ava";
import type { LocalClient } from "latchdb";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { internal } from "../support/internals.mjs";
import { assertNothingBeside, assertNothingOpen } from "../support/open-files.mjs";
import { journalModes } from "../support/queries.mjs";
import { barrier, replace, replaceBy, suspendable } from "../support/suspension.mjs";

const { addon } = internal<{ addon: { countConnections(path: string): number } }>("addon/addon");

for (const mode of journalModes) {
  // Alone: the threads of all clients are counted.
  test.serial(`nothing of the client is open while the action runs (${mode})`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file, mode);
    await client.execute("insert into t values (1)");
    const transactions = await Promise.all([1, 2, 3].map(() => client.transaction("deferred")));
    for (const transaction of transactions) await transaction.execute("select * from t");
    for (const transaction of transactions) await transaction.commit();
    t.is(addon.countConnections(file), 4);
    await suspended(async (path) => {
      t.is(path, file);
      t.is(addon.countConnections(file), 0);
      assertNothingOpen(t, file);
      await assertNothingBeside(t, file);
      t.false(client.closed);
    });
    t.is(await selectValue(client, "select a from t"), 1);
  });

  test(`what was called before sees the old file, what is called after the new one (${mode})`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file, mode);
    await client.execute("insert into t values (1)");
    const before = selectColumn(client, "select a from t");
    const beforeToo = client.batch(["insert into t values (2)", "select a from t"], "write");
    const replaced = suspended((path) => replaceBy(path, mode, 10));
    const after = selectColumn(client, "select a from t");
    const write = client.execute("insert into t values (11)");
    const afterToo = client.batch(["select a from t"], "read");
    t.deepEqual(await before, [1]);
    t.deepEqual(
      (await beforeToo)[1]?.rows.map((row) => row[0]),
      [1, 2],
    );
    await replaced;
    t.deepEqual(await selectColumn(client, "select a from t"), [10, 11]);
    t.deepEqual(await after, [10]);
    t.is((await write).rowsAffected, 1);
    t.deepEqual(
      (await afterToo)[0]?.rows.map((row) => row[0]),
      [10, 11],
    );
    t.deepEqual(
      (await readdir(dirname(file))).filter((name) => name.endsWith(".new")),
      [],
    );
  });

  test(`16 callers only wait while their client is replaced 20 times (${mode})`, async (t) => {
    t.timeout(120_000);
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file, mode);
    await client.batch(["create table log (caller, n)", "insert into t values (0)"]);
    const end = new AbortController();
    /** What is certain: the number of the last replacement that has resolved. */
    let replaced = 0;
    /** What may be: that of the last one that was called for. */
    let calledFor = 0;
    let calls = 0;
    const caller = async (number: number): Promise<void> => {
      const read = operations[number % operations.length];
      while (!end.signal.aborted) {
        const atLeast = replaced;
        const seen = await read?.(client);
        const atMost = calledFor;
        calls++;
        if (seen === undefined || seen < atLeast || seen > atMost) {
          throw new Error(`caller ${number} saw ${seen}, not one of ${atLeast} to ${atMost}`);
        }
      }
    };
    const callers = Promise.all(Array.from({ length: 16 }, (_, number) => caller(number)));
    callers.catch(() => undefined);
    for (let number = 1; number <= 20; number++) {
      calledFor = number;
      await suspended((path) => replaceBy(path, mode, number));
      replaced = number;
      // Each has a chance to come in between.
      await selectValue(client, "select a from t");
    }
    end.abort();
    await t.notThrowsAsync(callers);
    t.log(`${calls} calls`);
    t.true(calls >= 16);
    t.is(await selectValue(client, "select a from t"), 20);
  });
}

/** How a caller asks which database it is on, in the ways in which one can call. */
const operations: ((client: LocalClient) => Promise<number>)[] = [
  async (client) => Number(await selectValue(client, "select a from t")),
  async (client) => {
    // All old or all new.
    const [first, , second] = await client.batch(
      ["select a from t", "update t set a = a", "select a from t"],
      "write",
    );
    if (first?.rows[0]?.[0] !== second?.rows[0]?.[0]) throw new Error("half old, half new");
    return Number(first?.rows[0]?.[0]);
  },
  async (client) => {
    const transaction = await client.transaction("write");
    const first = await selectValue(transaction, "select a from t");
    await transaction.execute("update t set a = a");
    const second = await selectValue(transaction, "select a from t");
    await transaction.commit();
    if (first !== second) throw new Error("half old, half new");
    return Number(second);
  },
  async (client) => {
    await client.executeMultiple("update t set a = a; select a from t;");
    const [result] = await client.migrate(["select a from t"]);
    return Number(result?.rows[0]?.[0]);
  },
];

test("calls of every kind begin in their order once the client goes on", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const { passed, pass } = barrier();
  const replaced = suspended(async (path) => {
    await passed;
    await replace(path, "delete", ["create table t (a)"]);
  });
  const long = Array.from({ length: 2000 }, (_, i) => `insert into t values (${i === 0 ? 3 : 0})`);
  let ended = 0;
  const calls = [
    client.execute("insert into t values (1)"),
    client.batch(["insert into t values (2)"], "write"),
    client.batch(long, "write"),
    client.migrate(["insert into t values (4)"]),
    client.executeMultiple("insert into t values (5); insert into t values (6)"),
    client.transaction("write").then(async (transaction) => {
      await transaction.execute("insert into t values (7)");
      await transaction.commit();
    }),
    client.execute("insert into t values (8)"),
  ];
  for (const call of calls) void call.then(() => ended++);
  await t.throwsAsync(client.sync(), { code: "SYNC_NOT_SUPPORTED" });
  pass();
  await replaced;
  t.is(ended, 0);
  await Promise.all(calls);
  t.deepEqual(
    await selectColumn(client, "select a from t where a <> 0 order by rowid"),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
});

test("two suspensions take turns with the calls between them", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  const { passed, pass } = barrier();
  const first = suspended(async (path) => {
    await passed;
    await replaceBy(path, "delete", 1);
  });
  const between = selectColumn(client, "select a from t");
  // Its limit does not count before the first one is over.
  const second = suspended((path) => replaceBy(path, "delete", 2), { timeoutMs: 200 });
  const after = selectColumn(client, "select a from t");
  await new Promise((resolve) => setTimeout(resolve, 400));
  pass();
  await Promise.all([first, second]);
  t.deepEqual([await between, await after], [[1], [2]]);
});

test("a suspension does not use up the client's connections, however many want one", async (t) => {
  const { file } = await temporaryDatabase(t);
  // Nobody's patience ends during the test.
  const options = { concurrency: 2, timeout: 600_000 };
  const { client, suspended } = await suspendable(t, file, "delete", options);
  const write = async (number: number): Promise<void> => {
    const transaction = await client.transaction("write");
    await transaction.execute({ sql: "insert into t values (?)", args: [number] });
    await transaction.commit();
  };
  const first = await client.transaction("write");
  const { passed, pass } = barrier();
  const replaced = suspended(() => passed);
  const calls: Promise<unknown>[] = [];
  const call = (number: number): void => {
    calls.push(write(2 * number), write(2 * number + 1), client.execute("select 1"));
  };
  // While it waits, while it runs, and while those who waited get their turns.
  for (let number = 0; number < 5; number++) call(number);
  await first.commit();
  for (let number = 5; number < 10; number++) call(number);
  pass();
  await replaced;
  for (let number = 10; number < 15; number++) call(number);
  await t.notThrowsAsync(Promise.all(calls));
  t.deepEqual(
    await selectColumn(client, "select a from t order by rowid"),
    Array.from({ length: 30 }, (_, number) => number),
  );
  // From here on it is as ever.
  const transactions = [await client.transaction("read"), await client.transaction("read")];
  const waiting = selectValue(client, "select 1");
  for (const transaction of transactions) transaction.close();
  t.is(await waiting, 1);
});

test("a call behind a transaction whose owner waits for it ends, after the client's patience", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file, "delete", {
    concurrency: 1,
    timeout: 100,
  });
  const { passed, pass } = barrier();
  const replaced = suspended(() => passed);
  const begun = client.transaction("write");
  const outside = client.execute("select 1");
  pass();
  await replaced;
  const transaction = await begun;
  await t.throwsAsync(outside, { code: "TRANSACTION_ACTIVE" });
  await transaction.commit();
  t.is(await selectValue(client, "select 1"), 1);
});

test("an action's error comes through, after the client has been opened again", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  await client.execute("insert into t values (1)");
  const failure = new Error("no");
  const failed = suspended(() => Promise.reject(failure));
  const queued = selectValue(client, "select a from t");
  t.is(await t.throwsAsync(failed), failure);
  t.is(await queued, 1);
  // One that throws instead of rejecting.
  t.is(
    await t.throwsAsync(
      suspended(() => {
        throw failure;
      }),
    ),
    failure,
  );
  t.is(await selectValue(client, "select a from t"), 1);
});
