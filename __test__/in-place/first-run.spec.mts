/** The first run of a statement in place, for clients that are closed after a few short statements. */
import test, { type ExecutionContext } from "ava";
import type { LocalClient } from "latchdb";
import { createClient } from "latchdb";
import { temporaryDatabase } from "../support/database.mjs";
import { hasProc, latchdbThreads } from "../support/open-files.mjs";

/** A file with a table. What it had to be made with is closed. */
async function filled(t: ExecutionContext): Promise<{ url: string; file: string }> {
  const place = await temporaryDatabase(t);
  const client = createClient({ url: place.url });
  await client.executeMultiple(`
    pragma journal_mode = wal;
    create table t (id integer primary key, a, b);
    insert into t values (1, 1, 'one'), (2, 2, 'two'), (3, 3, 'three');
    create table numbers (n);
    insert into numbers with recursive c (i) as (select 1 union all select i + 1 from c where i < 50000)
      select i from c;
  `);
  client.close();
  return place;
}

function open(t: ExecutionContext, url: string): LocalClient {
  const client = createClient({ url }) as LocalClient;
  t.teardown(() => client.close());
  return client;
}

test.serial("a client with a few short queries starts no thread", async (t) => {
  const { url } = await filled(t);
  const client = open(t, url);
  const { rows } = await client.execute({ sql: "select b from t where id = ?", args: [2] });
  t.is(rows[0]?.["b"], "two");
  t.is((await client.execute("SELECT a, b FROM t ORDER BY b")).rows.length, 3);
  t.deepEqual(client.stats().calls, { inPlace: 2, onThread: 0 });
  if (hasProc) t.deepEqual(latchdbThreads(), []);
  await client.execute("insert into t (a) values (4)");
  t.is(client.stats().calls.onThread, 1);
  if (hasProc) t.is(latchdbThreads().length, 1);
});

test.serial("once there is a thread, new statements are prepared on it", async (t) => {
  const { url } = await filled(t);
  const client = open(t, url);
  await client.execute("pragma user_version");
  await client.execute("select b from t where id = 1");
  t.deepEqual(client.stats().calls, { inPlace: 0, onThread: 2 });
});

const elsewhere: Array<[string, unknown]> = [
  ["pragma user_version", 0],
  ["select count(*) from t", 3],
  ["select b from t where b like 'o%'", "one"],
  ["select b from t where id = 1; select 2", "one"],
  ["/* short */ select b from t where id = 1", "one"],
  ["select name from pragma_table_info('t')", "id"],
  ["insert into t (a) values (9) returning a", 9],
  [
    "with recursive c (i) as (select 1 union all select i + 1 from c where i < 100000) select max(i) from c",
    100000,
  ],
  ["select max(n * 2) from numbers", 100000],
  [`select b from t where id = 1 ${" ".repeat(256)}`, "one"],
];

for (const [sql, value] of elsewhere) {
  test.serial(`on a thread: ${sql.slice(0, 60)}`, async (t) => {
    const { url } = await filled(t);
    const client = open(t, url);
    const result = await client.execute(sql);
    t.is(result.rows[0]?.[0] as unknown, value);
    t.deepEqual(client.stats().calls, { inPlace: 0, onThread: 1 });
    // The statement is the same after it was given up in place.
    t.is((await client.execute(sql)).rows[0]?.[0] as unknown, value);
  });
}

test.serial("columns with long names are on a thread, in a text of a few bytes", async (t) => {
  const { url } = await filled(t);
  const names = Array.from({ length: 100 }, (_, i) => `c${i}_${"x".repeat(300)}`);
  const maker = open(t, url);
  await maker.executeMultiple(
    `create table wide (${names.join()}); insert into wide default values`,
  );
  maker.close();
  const client = open(t, url);
  const joined = "select a.*, b.*, c.*, d.*, e.* from wide a, wide b, wide c, wide d, wide e";
  t.is((await client.execute(joined)).columns.length, 500);
  t.is((await client.execute("select b from t where id = 1")).rows[0]?.["b"], "one");
  t.deepEqual(client.stats().calls, { inPlace: 0, onThread: 2 });
});

test.serial("a schema of many tables is read on a thread", async (t) => {
  const { url } = await filled(t);
  const maker = open(t, url);
  const table = (_: unknown, i: number): string => `create table more_${i} (a, b default 'x', c)`;
  await maker.batch(Array.from({ length: 2000 }, table));
  maker.close();
  const client = open(t, url);
  t.is((await client.execute("select b from t where id = 1")).rows[0]?.["b"], "one");
  t.deepEqual(client.stats().calls, { inPlace: 0, onThread: 1 });
});

test.serial("a short text that means many columns is prepared on a thread", async (t) => {
  const { url } = await filled(t);
  const maker = open(t, url);
  await maker.execute(
    `create table wide (${Array.from({ length: 300 }, (_, i) => `c${i}`).join()})`,
  );
  maker.close();
  const client = open(t, url);
  t.is((await client.execute("select * from wide")).columns.length, 300);
  t.deepEqual(client.stats().calls, { inPlace: 0, onThread: 1 });
});

test.serial("the first reader of a long WAL is on a thread", async (t) => {
  const { url } = await filled(t);
  const writer = open(t, url);
  await writer.execute("insert into t (b) values (randomblob(300000))");
  const reader = open(t, url);
  const select = "select b from t where id = 1";
  t.is((await reader.execute(select)).rows[0]?.["b"], "one");
  t.deepEqual(reader.stats().calls, { inPlace: 0, onThread: 1 });
});

test.serial("an error in place is the error of the thread", async (t) => {
  const { url } = await filled(t);
  const client = open(t, url);
  await t.throwsAsync(client.execute("select absent from t"), {
    message: /no such column: absent/,
  });
  await t.throwsAsync(client.execute("select abs(-9223372036854775807 - 1)"), {
    message: /integer overflow/,
  });
});
