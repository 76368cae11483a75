import test from "ava";
import { openClient } from "../support/database.mjs";

test("a result set has columns, columnTypes, rows, rowsAffected and lastInsertRowid", async (t) => {
  const client = await openClient(t);
  const resultSet = await client.execute("select 1 as a, 'x' as b");
  t.deepEqual(Object.keys(resultSet).sort(), [
    "columnTypes",
    "columns",
    "lastInsertRowid",
    "rows",
    "rowsAffected",
  ]);
  t.deepEqual(resultSet.columns, ["a", "b"]);
  t.true(Array.isArray(resultSet.rows));
  t.is(resultSet.rows.length, 1);
});

test("columns has every column, also those with the same name", async (t) => {
  const client = await openClient(t);
  const { columns } = await client.execute("select 1 as a, 2 as a, 3 as b");
  t.deepEqual(columns, ["a", "a", "b"]);
});

test("a query without rows still has its columns", async (t) => {
  const client = await openClient(t);
  const { columns, columnTypes, rows } = await client.execute("select 1 as a where false");
  t.deepEqual(columns, ["a"]);
  t.deepEqual(columnTypes, [""]);
  t.deepEqual(rows, []);
});

test("columnTypes are the declared types, verbatim", async (t) => {
  const client = await openClient(t);
  await client.execute(
    "create table t (a varchar(10), b DECIMAL(10,2), c datetime default current_timestamp, d)",
  );
  const { columnTypes } = await client.execute("select a, b, c, d from t");
  t.deepEqual(columnTypes, ["varchar(10)", "DECIMAL(10,2)", "datetime", ""]);
});

test("an expression has the column type of no column, and a view that of its column", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple(
    "create table t (id integer primary key, name text); create view v as select id as vid from t",
  );
  const { columnTypes } = await client.execute("select id, id + 1, name, count(*), vid from t, v");
  t.deepEqual(columnTypes, ["INTEGER", "", "TEXT", "", "INTEGER"]);
});

test("an INSERT has no columns and no rows, its count and its rowid", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (id integer primary key, name text)");
  const resultSet = await client.execute("insert into t (name) values ('a')");
  t.deepEqual(resultSet.columns, []);
  t.deepEqual(resultSet.columnTypes, []);
  t.deepEqual(resultSet.rows, []);
  t.is(resultSet.rowsAffected, 1);
  t.is(resultSet.lastInsertRowid, 1n);
});

test("an INSERT of several rows counts them all and names the last", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (id integer primary key, name text)");
  const { rowsAffected, lastInsertRowid } = await client.execute(
    "insert into t (name) values ('a'), ('b'), ('c')",
  );
  t.is(rowsAffected, 3);
  t.is(lastInsertRowid, 3n);
});

for (const intMode of ["number", "bigint", "string"] as const) {
  test(`lastInsertRowid is a bigint with intMode "${intMode}"`, async (t) => {
    const client = await openClient(t, { intMode });
    await client.execute("create table t (id integer primary key)");
    const { lastInsertRowid } = await client.execute("insert into t values (7)");
    t.is(lastInsertRowid, 7n);
  });
}

test("UPDATE and DELETE count the rows they touched", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  await client.execute("insert into t values (1), (2), (3)");
  t.is((await client.execute("update t set a = a + 1 where a > 1")).rowsAffected, 2);
  t.is((await client.execute("update t set a = 0 where a > 99")).rowsAffected, 0);
  t.is((await client.execute("delete from t")).rowsAffected, 3);
});

test("rows that a trigger touched are not counted", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple(
    "create table t (a); create table log (a); create trigger logging after insert on t begin insert into log values (1); insert into log values (2); end",
  );
  t.is((await client.execute("insert into t values (1), (2)")).rowsAffected, 2);
});

test("a SELECT affects no row and inserts none, also right after an INSERT", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  await client.execute("insert into t values (1), (2)");
  const { rowsAffected, lastInsertRowid } = await client.execute("select * from t");
  t.is(rowsAffected, 0);
  t.is(lastInsertRowid, undefined);
});

test("DDL affects no row, also right after an INSERT", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  await client.execute("insert into t values (1), (2)");
  t.is((await client.execute("create table u (a)")).rowsAffected, 0);
});

test("RETURNING gives its rows", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (id integer primary key, name text)");
  const { columns, rows } = await client.execute(
    "insert into t (name) values ('a'), ('b') returning id, name",
  );
  t.deepEqual(columns, ["id", "name"]);
  t.deepEqual(
    rows.map((row) => ({ ...row })),
    [
      { id: 1, name: "a" },
      { id: 2, name: "b" },
    ],
  );
});

test("a PRAGMA that answers gives a row", async (t) => {
  const client = await openClient(t);
  const { columns, rows } = await client.execute("pragma journal_mode = wal");
  t.deepEqual(columns, ["journal_mode"]);
  t.deepEqual({ ...rows[0] }, { journal_mode: "wal" });
});

test("EXPLAIN QUERY PLAN gives rows", async (t) => {
  const client = await openClient(t);
  const { columns, rows } = await client.execute("explain query plan select * from sqlite_schema");
  t.deepEqual(columns, ["id", "parent", "notused", "detail"]);
  t.true(rows.length > 0);
});

test("a query sees a column that was added since it last ran", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("create table t (a); insert into t values (1)");
  t.deepEqual((await client.execute("select * from t")).columns, ["a"]);
  await client.execute("alter table t add column b");
  const { columns, rows } = await client.execute("select * from t");
  t.deepEqual(columns, ["a", "b"]);
  t.deepEqual({ ...rows[0] }, { a: 1, b: null });
});

test("a query sees a column that another connection renamed since it last ran", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("create table t (a); insert into t values (1)");
  t.deepEqual((await client.execute("select * from t")).columns, ["a"]);
  const transaction = await client.transaction();
  await transaction.execute("alter table t rename column a to b");
  await transaction.commit();
  const { columns, rows } = await client.execute("select * from t");
  t.deepEqual(columns, ["b"]);
  t.deepEqual({ ...rows[0] }, { b: 1 });
});

test("toJSON gives rows as arrays and blobs as base64", async (t) => {
  const client = await openClient(t);
  const resultSet = await client.execute(
    "select 1 as a, 2 as a, x'0102' as b, null as c, 1.5 as d, 'x' as e",
  );
  t.deepEqual(resultSet.toJSON(), {
    columns: ["a", "a", "b", "c", "d", "e"],
    columnTypes: ["", "", "", "", "", ""],
    rows: [[1, 2, "AQI=", null, 1.5, "x"]],
    rowsAffected: 0,
    lastInsertRowid: null,
  });
});

test("toJSON gives bigints as strings, the rowid included", async (t) => {
  const client = await openClient(t, { intMode: "bigint" });
  const selected = await client.execute("select 9223372036854775807 as a");
  t.deepEqual(selected.toJSON().rows, [["9223372036854775807"]]);
  await client.execute("create table t (id integer primary key)");
  const inserted = await client.execute("insert into t values (7)");
  t.is(inserted.toJSON().lastInsertRowid, "7");
});

test("JSON.stringify of a result set uses toJSON", async (t) => {
  const client = await openClient(t);
  const resultSet = await client.execute("select 1 as a");
  t.is(
    JSON.stringify(resultSet),
    '{"columns":["a"],"columnTypes":[""],"rows":[[1]],"rowsAffected":0,"lastInsertRowid":null}',
  );
});
