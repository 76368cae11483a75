import test from "ava";
import type { InArgs } from "latchdb";
import { openClient, selectRow } from "../support/database.mjs";

const bindings: Array<{ title: string; sql: string; args: InArgs; row: object }> = [
  {
    title: "positional arguments fill the question marks in order",
    sql: "select ? as a, ? as b",
    args: ["one", "two"],
    row: { a: "one", b: "two" },
  },
  {
    title: "a missing positional argument is NULL",
    sql: "select ? as a, ? as b",
    args: ["one"],
    row: { a: "one", b: null },
  },
  {
    title: "an extra positional argument is ignored",
    sql: "select ? as a",
    args: ["one", "two"],
    row: { a: "one" },
  },
  {
    title: "numbered parameters take the argument of their number",
    sql: "select ?2 as a, ?1 as b",
    args: ["one", "two"],
    row: { a: "two", b: "one" },
  },
  {
    title: "numbered parameters may leave holes",
    sql: "select ?3 as a, ?1 as b",
    args: ["one", "two", "three"],
    row: { a: "three", b: "one" },
  },
  {
    title: "a plain question mark after ?2 is ?3",
    sql: "select ?2 as a, ? as b, ?3 as c",
    args: ["one", "two", "three"],
    row: { a: "two", b: "three", c: "three" },
  },
  {
    title: "positional arguments also fill named parameters",
    sql: "select :a as a, :b as b",
    args: ["one", "two"],
    row: { a: "one", b: "two" },
  },
  {
    title: "named arguments fill parameters with a colon, an at sign or a dollar",
    sql: "select :a as a, @b as b, $c as c",
    args: { a: 1, b: 2, c: 3 },
    row: { a: 1, b: 2, c: 3 },
  },
  {
    title: "the name of an argument may carry its prefix",
    sql: "select :a as a, @b as b, $c as c",
    args: { ":a": 1, "@b": 2, $c: 3 },
    row: { a: 1, b: 2, c: 3 },
  },
  {
    title: "one named argument fills all three spellings of its parameter",
    sql: "select :a as colon, @a as at, $a as dollar",
    args: { a: 1 },
    row: { colon: 1, at: 1, dollar: 1 },
  },
  {
    title: "a named parameter used twice has one value",
    sql: "select :a as a, :a as b",
    args: { a: "one" },
    row: { a: "one", b: "one" },
  },
  {
    title: "a missing named argument is NULL",
    sql: "select :a as a, :b as b",
    args: { a: 1 },
    row: { a: 1, b: null },
  },
  {
    title: "an extra named argument is ignored",
    sql: "select :a as a",
    args: { a: 1, other: 2 },
    row: { a: 1 },
  },
];

for (const { title, sql, args, row } of bindings) {
  test(title, async (t) => {
    const client = await openClient(t);
    t.deepEqual({ ...(await selectRow(client, { sql, args })) }, row);
  });
}

test("of two arguments for one name, the last one counts", async (t) => {
  const client = await openClient(t);
  const sql = "select :a as colon, @a as at";
  const row = await selectRow(client, { sql, args: { ":a": 1, a: 2 } });
  t.deepEqual({ ...row }, { colon: 2, at: 2 });
  const reversed = await selectRow(client, { sql, args: { a: 2, ":a": 1 } });
  t.deepEqual({ ...reversed }, { colon: 1, at: 1 });
});

test("thousands of arguments find their parameters, also the second time", async (t) => {
  const client = await openClient(t);
  const names = Array.from({ length: 2000 }, (_, index) => `name_${index}`);
  const sql = `select sum(column1 * column2) as n from (values ${names.map((name, index) => `(:${name}, ${index})`).join(", ")})`;
  const expected = names.reduce((sum, _, index) => sum + index * index, 0);
  const args = Object.fromEntries(names.map((name, index) => [name, index]).toReversed());
  for (let run = 0; run < 2; run++) {
    t.deepEqual({ ...(await selectRow(client, { sql, args })) }, { n: expected });
  }
});

test("parameters without any arguments are NULL", async (t) => {
  const client = await openClient(t);
  t.deepEqual({ ...(await selectRow(client, "select ? as a, :b as b")) }, { a: null, b: null });
});

test("execute takes the arguments as its second parameter too", async (t) => {
  const client = await openClient(t);
  const positional = await client.execute("select ? as a", [5]);
  t.deepEqual({ ...positional.rows[0] }, { a: 5 });
  const named = await client.execute("select :a as a", { a: 6 });
  t.deepEqual({ ...named.rows[0] }, { a: 6 });
});

test("a transaction binds arguments as the client does", async (t) => {
  const client = await openClient(t);
  const transaction = await client.transaction();
  const row = await selectRow(transaction, { sql: "select :a as a, @b as b", args: { a: 1 } });
  t.deepEqual({ ...row }, { a: 1, b: null });
  await transaction.commit();
});

test("a value that looks like SQL stays a value", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  await client.execute("insert into t values (?)", ["'); drop table t; --"]);
  t.deepEqual({ ...(await selectRow(client, "select a from t")) }, { a: "'); drop table t; --" });
});

test("an argument of one call does not linger in the next", async (t) => {
  const client = await openClient(t);
  await client.execute("select ? as a, ? as b", ["one", "two"]);
  const { rows } = await client.execute("select ? as a, ? as b", ["three"]);
  t.deepEqual({ ...rows[0] }, { a: "three", b: null });
});

for (const [title, sql] of [
  ["a second statement", "select 1 as a; select 2 as b"],
  ["even garbage", "select 1 as a; garbage"],
  ["a semicolon", "select 1 as a;"],
  ["a comment", "select 1 as a; -- the end"],
] as const) {
  test(`what follows the first statement of execute is ignored: ${title}`, async (t) => {
    const client = await openClient(t);
    const { columns, rows } = await client.execute(sql);
    t.deepEqual(columns, ["a"]);
    t.deepEqual({ ...rows[0] }, { a: 1 });
  });
}

test("a comment before the statement does not hide it", async (t) => {
  const client = await openClient(t);
  const row = await selectRow(client, "-- first\n/* second */ select 1 as a");
  t.deepEqual({ ...row }, { a: 1 });
});
