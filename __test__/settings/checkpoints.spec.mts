/** Checkpoints beside the calls: `checkpoints: "background"`. */
import { existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import test from "ava";
import type { ExecutionContext } from "ava";
import { createClient, type LatchConfig, type LocalClient } from "latchdb";
import { openUrl, selectValue, temporaryDatabase } from "../support/database.mjs";

const PAGES = 50;
const PAGE = 4096 + 24;
const insert = "insert into t (a) values (?)";

async function place(
  t: ExecutionContext,
  options: Partial<LatchConfig> = {},
): Promise<{ client: LocalClient; file: string; url: string; directory: string }> {
  const { file, url, directory, open } = await temporaryDatabase(t);
  const client = open(options);
  await client.execute("pragma journal_mode = wal");
  await client.execute("create table t (a)");
  await client.execute(`pragma wal_autocheckpoint = ${PAGES}`);
  return { client, file, url, directory };
}

function walPages(file: string): number {
  return existsSync(`${file}-wal`) ? statSync(`${file}-wal`).size / PAGE : 0;
}

async function fill(client: LocalClient, calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) await client.execute({ sql: insert, args: ["x".repeat(3000)] });
}

for (const [how, options] of [
  ["in place", {}],
  ["on a thread", { execution: "thread" }],
  ["with synchronous FULL", { synchronous: "full" }],
  ["without reader lanes", { readers: 0 }],
] as const) {
  test(`the WAL of writes without a pause has an end, ${how}`, async (t) => {
    const { synchronous = "normal", ...config } = options as { synchronous?: string };
    const { client, file } = await place(t, config);
    await client.execute(`pragma synchronous = ${synchronous}`);
    await fill(client, 1200);
    const pages = walPages(file);
    t.true(pages > PAGES / 2 && pages < 12 * PAGES, `${pages} pages`);
    t.is(await selectValue(client, "select count(*) from t"), 1200);
    t.is(await selectValue(client, "pragma integrity_check"), "ok");
  });
}

test('a commit makes no checkpoint itself, and with "commit" it does', async (t) => {
  const open = async (checkpoints: "background" | "commit"): Promise<[LocalClient, number]> => {
    const { client } = await place(t, { checkpoints });
    await fill(client, 3 * PAGES);
    return [client, client.stats().connections.open];
  };
  const [, beside] = await open("background");
  const [, alone] = await open("commit");
  t.is(beside, alone + 1, "the connection that makes checkpoints");
});

test("`PRAGMA wal_autocheckpoint` has the effect and the answer that it has in SQLite", async (t) => {
  const { client, file } = await place(t);
  const ask = "pragma wal_autocheckpoint";
  t.is(await selectValue(client, ask), PAGES);
  await fill(client, 3 * PAGES);
  t.is(await selectValue(client, ask), PAGES);
  t.is(await selectValue(client, `${ask} = 0`), 0);
  const before = walPages(file);
  await fill(client, 12 * PAGES);
  t.true(walPages(file) >= 12 * PAGES, `${before}, then ${walPages(file)} pages`);
  t.is(await selectValue(client, ask), 0);
  // Between the two, the commit is one of the script.
  await client.executeMultiple(`${ask} = 10; insert into t values (1); ${ask} = 20`);
  t.is(await selectValue(client, ask), 20);
  await client.executeMultiple("begin; insert into t values (2); commit");
  t.is(await selectValue(client, ask), 20);
});

test("a reader of an old state keeps no writer waiting, and the WAL ends after it", async (t) => {
  const { client, file, url } = await place(t);
  const reader = openUrl(t, url);
  const reading = await reader.transaction("read");
  t.is(await selectValue(reading, "select count(*) from t"), 0);
  await fill(client, 15 * PAGES);
  const before = walPages(file);
  t.true(before >= 15 * PAGES, `${before} pages`);
  t.is(await selectValue(reading, "select count(*) from t"), 0);
  await reading.rollback();
  await fill(client, 30 * PAGES);
  // It has begun anew, and is not made shorter.
  t.true(walPages(file) < before + 15 * PAGES, `${before}, then ${walPages(file)} pages`);
});

test("a transaction that has read, and then writes, does not meet a checkpoint", async (t) => {
  const { client, file } = await place(t);
  for (let i = 0; i < 600; i++) {
    const transaction = await client.transaction("deferred");
    await transaction.execute("select a from t limit 1");
    await transaction.execute({ sql: insert, args: ["x".repeat(16_000)] });
    await transaction.commit();
  }
  // A commit makes the checkpoint itself where the transactions follow each other without a pause.
  t.true(walPages(file) < 20 * PAGES, `${walPages(file)} pages`);
  t.is(await selectValue(client, "select count(*) from t"), 600);
});

test("a checkpoint does not wait for a transaction behind a call that needs the file alone", async (t) => {
  const { client } = await place(t);
  await client.execute("pragma wal_autocheckpoint = 1");
  const transaction = await client.transaction("write");
  await transaction.execute({ sql: insert, args: ["x".repeat(100_000)] });
  // The second call waits for the first one, and the transaction behind it has a place before all later writes.
  const reading = client.execute(
    "with recursive n (i) as (select 1 union all select i + 1 from n limit 300000) select count(*) from n",
  );
  const checkpoint = client.execute("pragma wal_checkpoint(truncate)");
  const next = client.transaction("write");
  await transaction.commit();
  t.is((await reading).rows[0]?.[0], 300_000);
  await checkpoint;
  await (await next).rollback();
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

test("a transaction that sets the exclusive locking mode leaves the file to one connection", async (t) => {
  for (const how of ["transaction", "begin"]) {
    const { client } = await place(t);
    await fill(client, 3 * PAGES);
    if (how === "begin") {
      await client.execute("begin");
      await client.execute("pragma locking_mode = exclusive");
      await client.execute("commit");
    } else {
      const transaction = await client.transaction("write");
      await transaction.execute("pragma locking_mode = exclusive");
      await transaction.commit();
    }
    await fill(client, 1);
    t.is(await selectValue(client, "select count(*) from t"), 3 * PAGES + 1, how);
  }
});

test("after a VACUUM the next write begins the WAL anew", async (t) => {
  const { client, file } = await place(t);
  await fill(client, 4 * PAGES);
  t.is(await selectValue(client, "pragma wal_checkpoint(truncate)"), 0);
  await client.execute("vacuum");
  const pages = walPages(file);
  t.true(pages >= 4 * PAGES, `${pages} pages`);
  await fill(client, 5);
  t.is(walPages(file), pages);
});

test("a change of the journal mode, a VACUUM and a checkpoint find the file alone", async (t) => {
  const { client, file, directory } = await place(t);
  for (let round = 0; round < 5; round++) {
    await Promise.all(
      Array.from({ length: 3 * PAGES }, () =>
        client.execute({ sql: insert, args: ["x".repeat(3000)] }),
      ),
    );
    t.is(await selectValue(client, "pragma wal_checkpoint(truncate)"), 0);
    t.is(walPages(file), 0);
    const writing = fill(client, 2 * PAGES);
    await client.execute("vacuum");
    await writing;
    t.is(await selectValue(client, "pragma journal_mode = delete"), "delete");
    t.deepEqual(await readdir(directory), ["test.db"]);
    t.is(await selectValue(client, "pragma journal_mode = wal"), "wal");
  }
  t.is(await selectValue(client, "select count(*) from t"), 25 * PAGES);
});

test("close() ends a checkpoint, and leaves no WAL", async (t) => {
  const { directory, url } = await temporaryDatabase(t);
  for (let round = 0; round < 20; round++) {
    const client = createClient({ url });
    await client.execute("pragma journal_mode = wal");
    await client.execute(`pragma wal_autocheckpoint = ${PAGES}`);
    await client.execute("create table if not exists t (a)");
    await fill(client, PAGES + round);
    if (round % 2 === 0) client.close();
    else t.false((await client.shutdown({ drain: round % 3 === 0 })).walLeft);
    t.deepEqual(await readdir(directory), ["test.db"]);
  }
});

test("a client with a TEMP table makes its checkpoints by its commits", async (t) => {
  const { client, file } = await place(t);
  await client.execute("create temp table u (a)");
  await fill(client, 10 * PAGES);
  t.true(walPages(file) < 3 * PAGES, `${walPages(file)} pages`);
});
