import test from "ava";
import { LibsqlError } from "latchdb";
import { openUrl, selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { assertNothingBeside } from "../support/open-files.mjs";
import { lockElsewhere, startProgram } from "../support/processes.mjs";
import { countTo, endlessQuery, journalModes, prepare } from "../support/queries.mjs";

// Serial: these tests measure time.

const closed = { instanceOf: LibsqlError, code: "CLIENT_CLOSED" };

function insert(number: number): { sql: string; args: bigint[] } {
  return { sql: "insert into t values (?)", args: [BigInt(number)] };
}

for (const mode of journalModes) {
  test.serial(`draining answers everything that was called before (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    await prepare(client, mode);
    const calls = [
      ...Array.from({ length: 100 }, (_, i) => client.execute(insert(i))),
      client.batch([insert(100), insert(101)]),
      client.executeMultiple("insert into t values (102); insert into t values (103)"),
      client.migrate([insert(104)]),
      client.execute(countTo(500_000)),
    ];
    const report = await client.shutdown({ drain: true });
    await t.notThrowsAsync(Promise.all(calls));
    t.is(report.path, database.file);
    t.is(report.drained, calls.length);
    t.is(report.cancelled, 0);
    // In WAL mode the long read has a connection of its own.
    t.is(report.connections, mode === "wal" ? 2 : 1);
    t.deepEqual(
      report.steps.map(({ step }) => step),
      ["drain", "cancel", "join", "close"],
    );
    const stepsMs = report.steps.reduce((sum, { ms }) => sum + ms, 0);
    t.true(stepsMs <= report.ms, `${stepsMs} of ${report.ms} ms`);
    t.false(report.walLeft);
    t.true(report.ms >= 0 && report.ms < 10_000);
    await assertNothingBeside(t, database.file);
    const rows = await selectColumn(database.open(), "select a from t order by rowid");
    t.deepEqual(
      rows,
      Array.from({ length: 105 }, (_, i) => i),
    );
  });

  test.serial(
    `draining answers a long batch, and what is called behind it (${mode})`,
    async (t) => {
      const database = await temporaryDatabase(t);
      const client = database.open();
      await prepare(client, mode);
      const batch = client.batch(Array.from({ length: 20_000 }, (_, i) => insert(i)));
      const behind = selectValue(client, "select count(*) from t");
      const { cancelled } = await client.shutdown({ drain: true, timeoutMs: 60_000 });
      t.is((await batch).length, 20_000);
      t.is(await behind, 20_000);
      t.is(cancelled, 0);
    },
  );

  test.serial(`draining answers several long batches (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    await prepare(client, mode);
    const batches = [0, 1, 2].map((k) =>
      client.batch(Array.from({ length: 2000 }, (_, i) => insert(k * 2000 + i))),
    );
    const behind = selectValue(client, "select count(*) from t");
    const { cancelled } = await client.shutdown({ drain: true, timeoutMs: 60_000 });
    await t.notThrowsAsync(Promise.all(batches));
    t.is(await behind, 6000);
    t.is(cancelled, 0);
  });

  test.serial(`draining rolls back open transactions behind their calls (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    await prepare(client, mode);
    const transaction = await client.transaction("write");
    const called = transaction.execute(insert(1));
    // It waits for the transaction, which nobody will end.
    const writer = client.execute(insert(2));
    const { drained, cancelled, connections } = await client.shutdown({ drain: true });
    await t.notThrowsAsync(called);
    await t.notThrowsAsync(writer);
    // The rollback is nobody's call.
    t.deepEqual({ drained, cancelled, connections }, { drained: 2, cancelled: 0, connections: 2 });
    t.deepEqual(await selectColumn(database.open(), "select a from t"), [2]);
  });

  test.serial(
    `draining answers what waits behind a transaction that has not begun (${mode})`,
    async (t) => {
      const database = await temporaryDatabase(t);
      const client = database.open({ concurrency: 1, timeout: 60_000 });
      await prepare(client, mode);
      const other = await database.open().transaction("write");
      const before = client.execute(insert(0));
      const transaction = client.transaction("write").catch((error: unknown) => error);
      const behind = client.batch(Array.from({ length: 20_000 }, (_, i) => insert(i)));
      const closing = client.shutdown({ drain: true, timeoutMs: 60_000 });
      // The batch is written over several turns of the event loop, in which the transaction begins.
      await other.commit();
      const { cancelled } = await closing;
      await t.notThrowsAsync(Promise.all([before, behind]));
      await transaction;
      t.is(cancelled, 0);
      t.is(await selectValue(database.open(), "select count(*) from t"), 20_001);
    },
  );

  test.serial(`draining lets a commit that was called finish (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    await prepare(client, mode);
    const transaction = await client.transaction("write");
    const called = transaction.execute(insert(1));
    const commit = transaction.commit();
    await client.shutdown({ drain: true });
    await t.notThrowsAsync(Promise.all([called, commit]));
    t.deepEqual(await selectColumn(database.open(), "select a from t"), [1]);
  });

  test.serial(
    `timeoutMs ends the draining: the rest is cancelled and counted (${mode})`,
    async (t) => {
      const database = await temporaryDatabase(t);
      const client = database.open();
      await prepare(client, mode);
      const done = client.execute(insert(0));
      const calls = [
        // A single statement that only reads would not be waited for.
        client.executeMultiple(endlessQuery),
        ...[1, 2, 3].map((i) => client.execute(insert(i))),
      ];
      const cancelled = calls.map((call) => t.throwsAsync(call, closed));
      const report = await client.shutdown({ drain: true, timeoutMs: 300 });
      await Promise.all(cancelled);
      await t.notThrowsAsync(done);
      t.is(report.drained, 1);
      t.is(report.cancelled, 4);
      t.true(report.ms >= 290 && report.ms < 2000, `${report.ms} ms`);
      await assertNothingBeside(t, database.file);
      t.deepEqual(await selectColumn(database.open(), "select a from t"), [0]);
    },
  );

  test.serial(
    `without draining everything is cancelled at once and counted (${mode})`,
    async (t) => {
      const database = await temporaryDatabase(t);
      const client = database.open();
      await prepare(client, mode);
      const calls = [
        // A single statement that only reads would not be waited for.
        client.executeMultiple(endlessQuery),
        ...[1, 2, 3].map((i) => client.execute(insert(i))),
      ];
      const cancelled = calls.map((call) => t.throwsAsync(call, closed));
      const report = await client.shutdown();
      await Promise.all(cancelled);
      t.is(report.cancelled, 4);
      t.deepEqual(
        report.steps.map(({ step }) => step),
        ["cancel", "join", "close"],
      );
      t.true(report.ms < 1000, `${report.ms} ms`);
      await assertNothingBeside(t, database.file);
    },
  );
}

test.serial("timeoutMs also bounds a long batch that is still being handed over", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await prepare(client, "wal");
  // Runs for some seconds, not for minutes: where this fails it shall say so.
  const statements = [...Array.from({ length: 1000 }, (_, i) => insert(i)), countTo(100_000_000)];
  const batch = t.throwsAsync(
    client.batch(statements).then((results) => results.length),
    closed,
  );
  const report = await client.shutdown({ drain: true, timeoutMs: 300 });
  await batch;
  t.true(report.ms >= 290 && report.ms < 2000, `${report.ms} ms`);
  t.is(report.cancelled, 1);
  t.is(await selectValue(database.open(), "select count(*) from t"), 0);
});

test.serial("calls that wait for the only connection are counted too", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("create temp table only_here (a)");
  const transaction = await client.transaction("write");
  await transaction.execute("select 1");
  const waiting = [
    t.throwsAsync(client.execute("select 1"), closed),
    t.throwsAsync(client.transaction("write"), closed),
  ];
  const { cancelled } = await client.shutdown();
  await Promise.all(waiting);
  t.is(cancelled, 2);
});

test.serial("timeoutMs also bounds a wait for another process", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open({ timeout: 60_000 });
  await prepare(client, "delete");
  const lock = await lockElsewhere(t, database.file, "write");
  const blocked = t.throwsAsync(client.execute(insert(1)), closed);
  const begins = t.throwsAsync(client.transaction("write"), closed);
  const report = await client.shutdown({ drain: true, timeoutMs: 300 });
  await Promise.all([blocked, begins]);
  t.true(report.ms >= 290 && report.ms < 2000, `${report.ms} ms`);
  await lock.release();
});

test.serial("a timeoutMs of 0 drains nothing", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const endless = t.throwsAsync(client.execute(endlessQuery), closed);
  const report = await client.shutdown({ drain: true, timeoutMs: 0 });
  await endless;
  t.true(report.ms < 1000, `${report.ms} ms`);
  t.is(report.cancelled, 1);
});

test.serial("calls that come while it drains are refused at once", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const transaction = await client.transaction("read");
  const running = selectValue(client, countTo(1_000_000));
  let isShut = false;
  const shutdown = client.shutdown({ drain: true }).then(() => (isShut = true));
  t.true(client.closed);
  await t.throwsAsync(client.execute("select 1"), closed);
  await t.throwsAsync(client.batch(["select 1"]), closed);
  await t.throwsAsync(client.transaction(), closed);
  await t.throwsAsync(transaction.execute("select 1"), { code: "TRANSACTION_CLOSED" });
  t.false(isShut);
  t.is(await running, 1_000_000);
  await shutdown;
});

test.serial(
  "the report says that a -wal is left because somebody else has the database open",
  async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    await prepare(client, "wal");
    await client.execute(insert(1));
    const other = startProgram(t, "lock-holder", { arguments: [database.file, "write"] });
    await other.waitFor("held");
    t.true((await client.shutdown()).walLeft);
    other.say("release");
    await other.ended;
    await assertNothingBeside(t, database.file);
  },
);

test.serial("`using` closes, `await using` shuts down", async (t) => {
  const database = await temporaryDatabase(t);
  const left = [];
  {
    using client = database.open();
    await prepare(client, "wal");
    left.push(client);
  }
  await assertNothingBeside(t, database.file);
  {
    await using client = database.open();
    const pending = client.execute(endlessQuery);
    pending.catch(() => undefined);
    left.push(client);
  }
  await assertNothingBeside(t, database.file);
  {
    using client = database.open();
    {
      using transaction = await client.transaction("write");
      await transaction.execute(insert(1));
    }
    t.is(await selectValue(client, "select count(*) from t"), 0);
    left.push(client);
  }
  for (const client of left) t.true(client.closed);
});

test("a drain commits a transaction whose long batch was still being written", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("create table t(a)");
  const transaction = await client.transaction("write");
  const batch = transaction.batch(Array.from({ length: 20_000 }, () => "insert into t values (1)"));
  const committed = transaction.commit();
  const report = client.shutdown({ drain: true });
  await Promise.all([batch, committed]);
  t.is((await report).cancelled, 0);
  t.is(await selectValue(database.open(), "select count(*) from t"), 20_000);
});

for (const where of ["in a file", "in memory"]) {
  test.serial(`draining answers what waits for the lane of a transaction (${where})`, async (t) => {
    const database = await temporaryDatabase(t);
    const client =
      where === "in a file" ? database.open({ concurrency: 1 }) : openUrl(t, ":memory:");
    await client.execute("create table t (a)");
    const transaction = await client.transaction("write");
    await transaction.execute(insert(1));
    // All connections are held: a call is refused, and one of the transaction is not.
    const called = transaction.execute(countTo(200_000));
    const { drained, cancelled } = await client.shutdown({ drain: true });
    await t.notThrowsAsync(called);
    t.deepEqual({ drained, cancelled }, { drained: 1, cancelled: 0 });
  });
}

test.serial(
  "draining answers what waits for the move to a connection with TEMP tables",
  async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    const transaction = await client.transaction("write");
    await transaction.execute("create temp table only_here (a)");
    const commit = transaction.commit();
    const calls = Array.from({ length: 10 }, (_, i) =>
      client.execute({ sql: "select ?", args: [i] }),
    );
    const { cancelled } = await client.shutdown({ drain: true });
    await t.notThrowsAsync(Promise.all([commit, ...calls]));
    t.is(cancelled, 0);
  },
);

test.serial("the earliest limit of several callers counts", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const call = t.throwsAsync(client.execute(endlessQuery), closed);
  const first = client.shutdown({ drain: true, timeoutMs: 600_000 });
  const second = client.shutdown({ drain: true, timeoutMs: 200 });
  const report = await first;
  t.is(await second, report);
  t.true(report.ms >= 190 && report.ms < 20_000, `${report.ms} ms`);
  await call;
});

test.serial("a caller who does not want to drain ends the draining", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const call = t.throwsAsync(client.execute(endlessQuery), closed);
  const draining = client.shutdown({ drain: true, timeoutMs: 600_000 });
  await client.shutdown();
  t.is((await draining).cancelled, 1);
  await call;
});

test.serial("a client that is opened again has a closing of its own", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const first = await client.shutdown();
  await client.reconnect();
  await client.execute("select 1");
  const second = await client.shutdown();
  t.not(first, second);
  t.is(second.connections, 1);
  t.deepEqual((await client.shutdown()).steps, second.steps);
});

test.serial("a long batch that is still being written counts as cancelled", async (t) => {
  const database = await temporaryDatabase(t);
  for (const where of ["outside", "in a transaction"]) {
    const client = database.open();
    await client.execute("create table if not exists t (a)");
    const executor = where === "outside" ? client : await client.transaction("write");
    const batch = t.throwsAsync(
      executor.batch(Array.from({ length: 50_000 }, () => insert(1))),
      closed,
    );
    t.is((await client.shutdown()).cancelled, 1, where);
    await batch;
  }
});

test.serial("close() ends a draining, whose report still counts everything", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("create table t (a)");
  const calls = Array.from({ length: 50 }, (_, i) => client.execute(insert(i)));
  await calls.at(-1);
  const more = Array.from({ length: 50 }, () => client.execute("select 1"));
  const batch = t.throwsAsync(
    client.batch(Array.from({ length: 50_000 }, () => insert(1))),
    closed,
  );
  const begun = t.throwsAsync(client.transaction("write"), closed);
  const shutdown = client.shutdown({ drain: true });
  client.close();
  const settled = await Promise.allSettled(more);
  const answered = settled.filter(({ status }) => status === "fulfilled").length;
  const { drained, cancelled, steps } = await shutdown;
  await Promise.all([batch, begun]);
  t.deepEqual({ drained, cancelled }, { drained: answered, cancelled: 50 - answered + 2 });
  t.deepEqual(
    steps.map(({ step }) => step),
    ["drain", "cancel", "join", "close"],
  );
});

for (const { timeoutMs, error } of [
  { timeoutMs: Number.NaN, error: RangeError },
  { timeoutMs: "50" as unknown as number, error: TypeError },
  { timeoutMs: null as unknown as number, error: TypeError },
]) {
  test.serial(`timeoutMs: ${String(timeoutMs)} is an error, and changes nothing`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    await t.throwsAsync(client.shutdown({ drain: true, timeoutMs }), { instanceOf: error });
    t.false(client.closed);
    t.is(await selectValue(client, "select 1"), 1);
  });
}

for (const timeoutMs of [Infinity, 2 ** 31, 1e300]) {
  test.serial(`timeoutMs: ${timeoutMs} is the longest time there is`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    const call = selectValue(client, countTo(500_000));
    const first = client.shutdown({ drain: true, timeoutMs });
    t.is((await client.shutdown({ drain: true, timeoutMs })).cancelled, 0);
    await first;
    t.is(await call, 500_000);
  });
}
