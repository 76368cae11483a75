import test from "ava";
import { openClient, selectColumn, selectRow, selectValue } from "../support/database.mjs";

test("foreign keys are on by default, also in transactions", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, "pragma foreign_keys"), 1);
  const transaction = await client.transaction();
  t.is(await selectValue(transaction, "pragma foreign_keys"), 1);
  await transaction.rollback();
});

test("the journal mode is SQLite's default, delete", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, "pragma journal_mode"), "delete");
  t.is(await selectValue(client, "pragma synchronous"), 2);
});

test("double quotes never make a string", async (t) => {
  const client = await openClient(t);
  await t.throwsAsync(client.execute('select "nope"'), {
    code: "SQLITE_ERROR",
    message: /no such column/,
  });
  await t.throwsAsync(client.execute('create table t (a check (a <> "nope"))'), {
    code: "SQLITE_ERROR",
    message: /no such column/,
  });
});

for (const module of ["fts3", "fts4", "fts5"]) {
  test(`${module} finds words`, async (t) => {
    const client = await openClient(t);
    await client.execute(`create virtual table letters using ${module}(body)`);
    await client.execute("insert into letters values ('the quick brown fox'), ('a lazy dog')");
    t.deepEqual(await selectColumn(client, "select body from letters where letters match 'fox'"), [
      "the quick brown fox",
    ]);
  });
}

test("fts3 understands its enhanced query syntax", async (t) => {
  const client = await openClient(t);
  await client.execute("create virtual table letters using fts4(body)");
  await client.execute("insert into letters values ('quick fox'), ('lazy dog'), ('lazy cat')");
  t.is(
    await selectValue(
      client,
      "select count(*) from letters where letters match 'lazy AND (dog OR fox)'",
    ),
    1,
  );
});

test("rtree finds boxes", async (t) => {
  const client = await openClient(t);
  await client.execute("create virtual table boxes using rtree(id, left, right)");
  await client.execute("insert into boxes values (1, 0, 10), (2, 20, 30)");
  t.deepEqual(await selectColumn(client, "select id from boxes where left > 15"), [2]);
});

test("geopoly knows areas", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, "select geopoly_area('[[0,0],[2,0],[2,2],[0,2],[0,0]]')"), 4);
});

test("the math functions are there", async (t) => {
  const client = await openClient(t);
  const row = await selectRow(client, "select sin(0) as sin, sqrt(4) as sqrt, ceil(1.2) as ceil");
  t.deepEqual({ ...row }, { sin: 0, sqrt: 2, ceil: 2 });
});

test("dbstat counts pages", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  t.is(await selectValue(client, "select count(*) from dbstat where name = 't'"), 1);
});

test("the JSON functions and operators are there", async (t) => {
  const client = await openClient(t);
  const row = await selectRow(
    client,
    `select json_extract('{"a":[1,2]}', '$.a[1]') as extracted, '{"a":"x"}' ->> 'a' as arrow`,
  );
  t.deepEqual({ ...row }, { extracted: 2, arrow: "x" });
  t.deepEqual(await selectColumn(client, "select value from json_each('[1,2,3]')"), [1, 2, 3]);
});

test("loading extensions is compiled in, but not allowed from SQL", async (t) => {
  const client = await openClient(t);
  const options = await selectColumn(client, "pragma compile_options");
  t.true(options.includes("ENABLE_COLUMN_METADATA"));
  t.false(options.includes("OMIT_LOAD_EXTENSION"));
  await t.throwsAsync(client.execute("select load_extension('nope')"), {
    code: "SQLITE_ERROR",
    message: /not authorized/,
  });
});

test("SQLite is at least the version of the client it replaces", async (t) => {
  const client = await openClient(t);
  const version = String(await selectValue(client, "select sqlite_version()"));
  const [major = 0, minor = 0] = version.split(".").map(Number);
  t.true(major > 3 || (major === 3 && minor >= 45), version);
});
