/** Long reads run beside the other calls of their client, on connections that only read. */
import test, { type ExecutionContext } from "ava";
import type { LatchConfig, LocalClient } from "latchdb";
import { createClient } from "latchdb";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { internal } from "../support/internals.mjs";
import { spin } from "../support/moments.mjs";
import { countTo, endlessQuery, journalModes } from "../support/queries.mjs";

const { addon } = internal<{ addon: { countConnections(path: string): number } }>("addon/addon");
const reason = new Error("enough");

async function open(
  t: ExecutionContext,
  mode: string,
  options: Omit<LatchConfig, "url"> = {},
): Promise<{ client: LocalClient; file: string }> {
  const { url, file } = await temporaryDatabase(t);
  const client = createClient({ url, readers: 2, ...options });
  t.teardown(() => client.close());
  await client.executeMultiple(`
    pragma journal_mode = ${mode};
    create table t (id integer primary key, a);
    insert into t (a) values (1), (2), (3);
  `);
  return { client, file };
}

/** A read that runs until it is ended, with what it has to do with the table. */
const endless = `${endlessQuery}, (select sum(a) from t)`;
/** A read that takes some time, and the number of rows that it sees. */
const report = `select (${countTo(150_000)}) * 0 + (select count(*) from t)`;

interface Running {
  /** Ends the report, and resolves once it has its answer. */
  end(): Promise<void>;
}

/** Lets a report run on a reader lane. */
async function startReport(t: ExecutionContext, client: LocalClient): Promise<Running> {
  const controller = new AbortController();
  const { signal } = controller;
  const ended = t.throwsAsync(client.execute({ sql: endless, signal }), { is: reason });
  // The next write starts once the report has begun.
  await client.execute("insert into t (a) values (0)");
  return {
    end: async () => {
      controller.abort(reason);
      await ended;
    },
  };
}

test("a long read holds up neither reads nor writes nor transactions", async (t) => {
  const { client } = await open(t, "wal");
  const { end } = await startReport(t, client);
  await client.execute("insert into t (a) values (4)");
  t.deepEqual(await selectColumn(client, "select a from t"), [1, 2, 3, 0, 4]);
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t (a) values (5)");
  await transaction.commit();
  await client.batch(["insert into t (a) values (6)"]);
  await client.executeMultiple("insert into t (a) values (7); insert into t (a) values (8)");
  t.is(await selectValue(client, "select max(a) from t"), 8);
  await end();
});

test("long reads overlap, and one more than there are lanes waits for one", async (t) => {
  const { client } = await open(t, "wal");
  const [first, second] = [await startReport(t, client), await startReport(t, client)];
  // The statement is known to be long by now.
  const controller = new AbortController();
  const third = client.execute({ sql: endless, signal: controller.signal });
  const waiting = t.throwsAsync(third, { is: reason });
  controller.abort(reason);
  await waiting;
  await first.end();
  const again = await startReport(t, client);
  await Promise.all([second.end(), again.end()]);
});

for (const execution of ["auto", "thread"] as const) {
  test(`a read sees the writes before it and none behind it (${execution})`, async (t) => {
    const { client } = await open(t, "wal", { execution });
    const insert = "insert into t (a) values (9)";
    for (let rows = 3; rows < 30; rows += 3) {
      const counts = [
        client.execute(insert),
        client.execute(report),
        client.execute(insert),
        client.execute("select count(*) from t"),
        client.execute(insert),
        client.execute(report),
      ];
      const answers = await Promise.all(counts);
      const seen = [1, 3, 5].map((index) => answers[index]?.rows[0]?.[0]);
      t.deepEqual(seen, [rows + 1, rows + 2, rows + 3]);
    }
  });
}

for (const mode of journalModes) {
  test(`reads do not wait for a write that waits for a transaction (${mode})`, async (t) => {
    const { client } = await open(t, mode, { timeout: 60_000 });
    const transaction = await client.transaction("write");
    await transaction.execute("insert into t (a) values (4)");
    const write = client.execute("insert into t (a) values (5)");
    const behind = client.execute("insert into t (a) values (6)");
    for (const sql of ["select a from t", "select a from t where id > 0", "select a from t"]) {
      t.deepEqual(await selectColumn(client, sql), [1, 2, 3]);
    }
    t.is(await selectValue(client, report), 3);
    await transaction.commit();
    await Promise.all([write, behind]);
    t.deepEqual(await selectColumn(client, "select a from t"), [1, 2, 3, 4, 5, 6]);
  });

  test(`writes that wait for the same transaction have their patience together (${mode})`, async (t) => {
    const patience = 400;
    const { client } = await open(t, mode, { timeout: patience });
    const transaction = await client.transaction("write");
    await transaction.execute("insert into t (a) values (4)");
    const began = performance.now();
    const writes = Array.from({ length: 10 }, async () => {
      await t.throwsAsync(client.execute("insert into t (a) values (5)"), { code: "SQLITE_BUSY" });
    });
    await Promise.all(writes);
    const took = performance.now() - began;
    // One after the other they would take ten times as long.
    t.true(took >= patience - 5 && took < 5 * patience, `${took} ms`);
    await transaction.rollback();
  });
}

test("reads behind a BEGIN that waits belong to its transaction", async (t) => {
  const { client } = await open(t, "wal", { timeout: 60_000 });
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t (a) values (4)");
  const begun = client.execute("begin immediate");
  const read = selectColumn(client, "select a from t");
  const written = client.execute("insert into t (a) values (5)");
  await transaction.commit();
  await Promise.all([begun, written]);
  t.deepEqual(await read, [1, 2, 3, 4]);
  t.is(await selectValue(client, report), 5);
  await client.execute("rollback");
  t.is(await selectValue(client, report), 4);
});

test("what belongs to a connection is asked on the main one, however long it takes", async (t) => {
  const { client } = await open(t, "wal");
  await client.execute("insert into t (a) values (4)");
  const long = `(${countTo(200_000)}) * 0`;
  t.is(await selectValue(client, `select ${long} + last_insert_rowid()`), 4);
  t.is(await selectValue(client, `select ${long} + changes()`), 1);
  await client.execute("pragma cache_size = -4321");
  t.is(await selectValue(client, `select ${long} + cache_size from pragma_cache_size`), -4321);
  await client.execute("create temp table u as select 7 as b");
  t.is(await selectValue(client, `select ${long} + b from u`), 7);
});

test("settings hold on the connections that only read", async (t) => {
  const { client } = await open(t, "wal");
  const sql = `select (${countTo(200_000)}) * 0 + ('A' like 'a')`;
  t.is(await selectValue(client, sql), 1);
  t.is(await selectValue(client, sql), 1);
  await client.execute("pragma case_sensitive_like = on");
  t.is(await selectValue(client, sql), 0);
});

test("a change of the journal mode waits for the reads, and reads go on after it", async (t) => {
  const { client, file } = await open(t, "wal");
  const read = client.execute(report);
  const changed = client.execute("pragma journal_mode = delete");
  t.is((await read).rows[0]?.[0], 3);
  t.is((await changed).rows[0]?.[0], "delete");
  t.is(addon.countConnections(file), 1);
  t.is(await selectValue(client, report), 3);
  t.is(await selectValue(client, "pragma journal_mode = wal"), "wal");
  const { end } = await startReport(t, client);
  t.is(addon.countConnections(file), 2);
  await end();
});

test("a read that is aborted at any moment of its move to another lane rejects, or resolves", async (t) => {
  const { client } = await open(t, "wal");
  const counts = { resolved: 0, rejected: 0 };
  for (let tries = 0; tries < 120; tries++) {
    const controller = new AbortController();
    const { signal } = controller;
    // A text of its own has to show first that it is long.
    const sql = tries % 3 === 0 ? `${endless} -- ${tries}` : `${report} -- ${tries % 9}`;
    const read = client.execute({ sql, signal });
    const write = client.execute("insert into t (a) values (0)");
    spin((tries % 40) * 150);
    if (tries % 2 === 0) await new Promise(setImmediate);
    controller.abort(reason);
    const isResolved = await read.then(
      () => true,
      (error: unknown) => (error === reason ? false : Promise.reject(error as Error)),
    );
    counts[isResolved ? "resolved" : "rejected"]++;
    await write;
  }
  t.is(await selectValue(client, "select count(*) from t"), 123);
  t.true(counts.rejected >= 40, JSON.stringify(counts));
});

test("a close at any moment ends long reads, and nothing of the file stays open", async (t) => {
  const { url, file } = await temporaryDatabase(t);
  for (let tries = 0; tries < 40; tries++) {
    const client = createClient({ url, readers: 2 });
    await client.executeMultiple("pragma journal_mode = wal; create table if not exists t (a)");
    const calls = [endless, report, endless, "insert into t values (1)", endless].map((sql) =>
      client.execute(sql).catch((error: { code: string }) => error.code),
    );
    spin((tries % 20) * 300);
    if (tries % 2 === 0) await new Promise(setImmediate);
    client.close();
    t.is(addon.countConnections(file), 0);
    for (const answer of await Promise.all(calls)) {
      t.true(typeof answer === "object" || answer === "CLIENT_CLOSED", String(answer));
    }
  }
});

test("a shutdown that drains answers the long reads before it", async (t) => {
  const { client } = await open(t, "wal");
  const calls = [1, 2, 3, 4, 5].flatMap((a) => [
    client.execute(report),
    client.execute({ sql: "insert into t (a) values (?)", args: [a] }),
  ]);
  const shutdown = client.shutdown({ drain: true, timeoutMs: 60_000 });
  const answers = await Promise.all(calls);
  t.deepEqual(
    answers.filter((_, index) => index % 2 === 0).map(({ rows }) => rows[0]?.[0]),
    [3, 4, 5, 6, 7],
  );
  const { drained, cancelled, connections } = await shutdown;
  t.is(drained, 10);
  t.is(cancelled, 0);
  t.true(connections >= 2, `${connections}`);
});

for (const [what, options] of [
  ["readers: 0", { readers: 0 }],
  ["concurrency: 1", { readers: undefined, concurrency: 1 }],
] as const) {
  test(`${what}: the calls run one after the other, on one connection`, async (t) => {
    const { client, file } = await open(t, "wal", options);
    const counts = [client.execute(report), client.execute(report)];
    await client.execute("insert into t (a) values (4)");
    t.is(addon.countConnections(file), 1);
    t.deepEqual(
      (await Promise.all(counts)).map(({ rows }) => rows[0]?.[0]),
      [3, 3],
    );
  });
}
