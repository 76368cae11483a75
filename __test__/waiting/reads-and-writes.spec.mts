import { readdir, rename } from "node:fs/promises";
import test from "ava";
import { openClient, selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { startProgram } from "../support/processes.mjs";
import { countTo, endlessQuery } from "../support/queries.mjs";

// Reads that run beside the main lane, and the calls around them.

const count = "select count(*) from t";
const withoutReaders = { readers: 0 };

/** Calls of a client whose first write has to wait, of which each counts the rows or adds one. */
for (const [how, options, first] of [
  ["without reader lanes", withoutReaders, undefined],
  ["with one reader lane", { readers: 1 }, undefined],
  ["with a temporary table", {}, "create temp table u (a)"],
  ["in an explicit transaction", {}, "begin"],
] as const) {
  test(`a read behind a write that waits does not see later writes, ${how}`, async (t) => {
    const database = await temporaryDatabase(t);
    const other = database.open();
    await other.execute("pragma journal_mode = wal");
    await other.execute("create table t (a)");
    const client = database.open({ timeout: 30_000, ...options });
    if (first !== undefined) await client.execute(first);
    const transaction = await other.transaction("write");
    const insert = "insert into t values (1)";
    const writes = [client.execute(insert)];
    const reads = [];
    for (let i = 0; i < 6; i++) {
      reads.push(client.execute(count));
      writes.push(client.execute(insert));
    }
    // By then the first write has waited several times, between which the others may start.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await transaction.commit();
    await Promise.all(writes);
    for (const [i, read] of reads.entries()) {
      const seen = Number((await read).rows[0]?.[0]);
      t.true(seen <= i + 1, `read ${i} has seen ${seen} writes`);
    }
    if (first === "begin") await client.execute("commit");
    t.is(await selectValue(client, count), 7);
  });
}

test("the end of a long read is not that of an explicit transaction that has begun meanwhile", async (t) => {
  const client = await openClient(t);
  await client.execute("pragma journal_mode = wal");
  await client.execute("create table t (a)");
  const controller = new AbortController();
  const long = client.execute({ sql: endlessQuery, signal: controller.signal });
  await client.execute("begin");
  await client.execute("insert into t values (1)");
  controller.abort();
  await t.throwsAsync(long, { any: true });
  const batch = client.batch(["insert into t values (2)"], "write");
  await client.execute("commit");
  await batch;
  t.is(await selectValue(client, count), 2);
});

for (const mode of ["wal", "delete"]) {
  test(`a read behind a write that waits for a transaction does not wait, as soon as that has begun: ${mode}`, async (t) => {
    const client = await openClient(t);
    await client.executeMultiple(`pragma journal_mode = ${mode}; create table t (a)`);
    for (let i = 0; i < 300; i++) {
      const begun = client.transaction("write");
      // It may come to the writer queue before the transaction, which was called before it.
      const write = client.execute("insert into t values (1)");
      const transaction = await begun;
      t.is(await selectValue(client, "select count(*) from t"), i);
      await transaction.commit();
      await write;
    }
  });
}

test("a read that is called after a commit does not go past the write that has waited for it", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("pragma journal_mode = wal; create table t (a)");
  for (let i = 0; i < 300; i++) {
    const transaction = await client.transaction("write");
    const write = client.execute("insert into t values (1)");
    // Reads go past the write now.
    await new Promise((resolve) => setTimeout(resolve, 3));
    await transaction.commit();
    t.is(await selectValue(client, "select count(*) from t"), i + 1);
    await write;
  }
});

test("what needs the file alone runs although a reader lane cannot be opened", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("pragma journal_mode = wal");
  await client.execute("create table t (a)");
  await rename(file, `${file}.moved`);
  t.is(await selectValue(client, countTo(300_000)), 300_000);
  await client.execute("pragma wal_checkpoint(passive)");
  t.is(await selectValue(client, count), 0);
});

test("a change of the journal mode behind a write that waits is not held up by reads", async (t) => {
  const { open } = await temporaryDatabase(t);
  // Its only connection is closed before the write goes on.
  const other = open({ concurrency: 1 });
  await other.execute("pragma journal_mode = wal");
  await other.execute("create table t (a)");
  const client = open({ timeout: 30_000 });
  const transaction = await other.transaction("write");
  await transaction.execute("insert into t values (1)");
  const insert = client.execute("insert into t values (2)");
  // While the write waits, reads run on reader lanes.
  t.is(await selectValue(client, count), 0);
  const mode = selectValue(client, "pragma journal_mode = delete");
  // By then it waits behind the write, and the reader lanes have no connections.
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.is(await selectValue(client, count), 0);
  other.close();
  await insert;
  t.is(await mode, "delete");
  t.is(await selectValue(client, count), 1);
});

test("a client with a temporary table changes the journal mode after long reads", async (t) => {
  const client = await openClient(t);
  await client.execute("pragma journal_mode = wal");
  t.is(await selectValue(client, countTo(300_000)), 300_000);
  await client.execute("create temp table u (a)");
  t.is(await selectValue(client, "pragma journal_mode = delete"), "delete");
});

test("a call before a transaction() that takes the main lane runs on the lane that was it", async (t) => {
  const client = await openClient(t, { concurrency: 2 });
  await client.execute("pragma journal_mode = wal");
  await client.execute("create table t (a)");
  const long = countTo(300_000);
  await client.execute(long);
  const first = await client.transaction("read");
  const second = await client.transaction("read");
  // The main lane is now that of the first one.
  await first.commit();
  const calls = [client.execute(long), client.execute("insert into t values (1)")];
  const third = client.transaction("read");
  await Promise.all(calls);
  t.is(await selectValue(await third, count), 1);
  await second.commit();
  (await third).close();
});

test("reads beside a write that waits succeed where another process dies while it writes", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const client = open({ timeout: 60_000 });
  await client.execute("create table t (a)");
  await client.execute(
    "with recursive n(i) as (select 1 union all select i + 1 from n limit 300) " +
      "insert into t select zeroblob(2000) from n",
  );
  for (let i = 0; i < 2; i++) {
    const program = startProgram(t, "half-writer", { arguments: [file] });
    await program.waitFor("written");
    const write = client.execute("insert into t values (1)");
    const zeros = "select count(*) from t where a = zeroblob(2000)";
    const reads = Array.from({ length: 4 }, () => selectValue(client, zeros));
    // By then they wait.
    await new Promise((resolve) => setTimeout(resolve, 100));
    program.kill();
    t.deepEqual(await Promise.all(reads), [300, 300, 300, 300]);
    await write;
  }
});

test("no WAL is left where the only call after a change of the journal mode is a long read", async (t) => {
  const { directory, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("pragma journal_mode = wal");
  await client.execute("create table t (a)");
  const long = `${countTo(300_000)} where (select count(*) from t) = 0`;
  await client.execute(long);
  await client.execute("pragma journal_mode = delete");
  await client.execute("pragma journal_mode = wal");
  await client.execute(long);
  const { walLeft } = await client.shutdown();
  t.false(walLeft);
  t.deepEqual(await readdir(directory), ["test.db"]);
});

test("a transaction that writes begins behind the writes before it, which wait", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  const first = await client.transaction("write");
  const writes = [1, 2, 3].map((i) => client.execute(`insert into t values (${i})`));
  const second = client.transaction("write");
  // By then the first write waits, and so does what may overtake the others.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await first.commit();
  await (await second).execute("insert into t values (4)");
  await (await second).commit();
  await Promise.all(writes);
  t.deepEqual(await selectColumn(client, "select a from t order by rowid"), [1, 2, 3, 4]);
});

test("a transaction behind writes that wait in vain is as patient as they are, from the same time on", async (t) => {
  const patience = 1000;
  const client = await openClient(t, { timeout: patience });
  await client.execute("create table t (a)");
  const transaction = await client.transaction("write");
  const began = performance.now();
  const insert = "insert into t values (1)";
  const calls = [client.execute(insert), client.execute(insert), client.transaction("write")];
  for (const call of calls) await t.throwsAsync(call as Promise<unknown>, { code: "SQLITE_BUSY" });
  const took = performance.now() - began;
  t.true(took >= patience - 5 && took < 1.8 * patience, `${took} ms`);
  await transaction.rollback();
});
