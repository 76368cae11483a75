import test from "ava";
import type { ExecutionContext } from "ava";
import type { Row } from "latchdb";
import { openClient, selectRow } from "../support/database.mjs";
import {
  isPlainToIsPlainObj,
  isPlainToLodash,
  isPlainToRedux,
  isPlainToTurboStream,
} from "../support/plain-object.mjs";

async function rowOf(t: ExecutionContext, sql: string): Promise<Row> {
  return selectRow(await openClient(t), sql);
}

test("a column is reached by its name and by its index", async (t) => {
  const row = await rowOf(t, "select 'one' as a, 'two' as b");
  t.deepEqual([row["a"], row["b"]], ["one", "two"]);
  t.deepEqual([row[0], row[1]], ["one", "two"]);
});

test("a column that is not there is undefined", async (t) => {
  const row = await rowOf(t, "select 1 as a");
  t.is(row["b"], undefined);
  t.is(row[1], undefined);
});

test("length is the number of columns", async (t) => {
  t.is((await rowOf(t, "select 1 as a, 2 as b, 3 as c")).length, 3);
});

test("Object.keys, Object.entries and for...in give the names only", async (t) => {
  const row = await rowOf(t, "select 1 as a, 2 as b");
  t.deepEqual(Object.keys(row), ["a", "b"]);
  t.deepEqual(Object.entries(row), [
    ["a", 1],
    ["b", 2],
  ]);
  const names: string[] = [];
  for (const name in row) {
    names.push(name);
  }
  t.deepEqual(names, ["a", "b"]);
});

test("a row can be spread into a plain object", async (t) => {
  t.deepEqual({ ...(await rowOf(t, "select 1 as a, null as b")) }, { a: 1, b: null });
});

test("a row can be destructured", async (t) => {
  const { a, b } = await rowOf(t, "select 1 as a, 2 as b");
  t.deepEqual([a, b], [1, 2]);
});

test("JSON.stringify writes the names and the values", async (t) => {
  const row = await rowOf(t, `select 1 as a, 'x' as b, null as c, 1.5 as "d e"`);
  t.is(JSON.stringify(row), '{"a":1,"b":"x","c":null,"d e":1.5}');
});

test("Array.from gives the values in order", async (t) => {
  const row = await rowOf(t, "select 'one' as a, 'two' as b");
  t.deepEqual(Array.from(row), ["one", "two"]);
});

test("array methods can be called on a row", async (t) => {
  const row = await rowOf(t, "select 1 as a, 2 as b");
  t.is(Array.prototype.join.call(row, "-"), "1-2");
});

test("structuredClone makes a plain copy", async (t) => {
  const row = await rowOf(t, "select 1 as a, x'01' as b");
  t.deepEqual({ ...structuredClone(row) }, { a: 1, b: new Uint8Array([1]).buffer });
});

test("hasOwnProperty, Object.hasOwn and `in` know the names", async (t) => {
  const row = await rowOf(t, "select 1 as a");
  t.true(row.hasOwnProperty("a"));
  t.false(row.hasOwnProperty("b"));
  t.true(Object.hasOwn(row, "a"));
  t.true("a" in row);
  t.false("b" in row);
});

test("a row has the methods of any object", async (t) => {
  const row = await rowOf(t, "select 1 as a");
  t.is(String(row), "[object Object]");
  t.is(row.valueOf(), row);
  t.true(row.propertyIsEnumerable("a"));
  t.is(row.constructor, Object);
});

test("a row is neither an array nor iterable", async (t) => {
  const row = await rowOf(t, "select 1 as a");
  t.false(Array.isArray(row));
  t.false(Symbol.iterator in row);
});

test("a row counts as a plain object for the code that asks", async (t) => {
  const row = await rowOf(t, "select 1 as a");
  t.true(isPlainToLodash(row));
  t.true(isPlainToIsPlainObj(row));
  t.true(isPlainToRedux(row));
  t.true(isPlainToTurboStream(row));
});

test("the first of two columns with one name wins, and the index reaches both", async (t) => {
  const row = await rowOf(t, "select 1 as a, 2 as a, 3 as b");
  t.deepEqual({ ...row }, { a: 1, b: 3 });
  t.deepEqual(Object.keys(row), ["a", "b"]);
  t.deepEqual(Array.from(row), [1, 2, 3]);
  t.is(row.length, 3);
});

test("names differ by case", async (t) => {
  t.deepEqual({ ...(await rowOf(t, "select 1 as a, 2 as A")) }, { a: 1, A: 2 });
});

test("a column named length does not change the length", async (t) => {
  const row = await rowOf(t, `select 10 as "length", 20 as b`);
  t.is(row.length, 2);
  t.is(row[0], 10);
  t.deepEqual(Object.keys(row), ["b"]);
  t.deepEqual(Array.from(row), [10, 20]);
});

test("a column named like an index does not change that index", async (t) => {
  const row = await rowOf(t, `select 10 as a, 20 as "0", 30 as "1"`);
  t.deepEqual([row[0], row[1], row[2]], [10, 20, 30]);
  t.deepEqual(Object.keys(row), ["a"]);
});

test("a column named like an index beyond the last is an ordinary name", async (t) => {
  const row = await rowOf(t, `select 10 as "5"`);
  t.is(row[5], 10);
  t.is(row.length, 1);
  t.deepEqual(Object.keys(row), ["5"]);
});

test("a column named __proto__ is a value, not a prototype", async (t) => {
  const row = await rowOf(t, `select 30 as "__proto__", 1 as a`);
  t.deepEqual(Object.keys(row), ["__proto__", "a"]);
  t.is<unknown, unknown>(row["__proto__"], 30);
  t.is(row[0], 30);
  t.is(JSON.stringify(row), '{"__proto__":30,"a":1}');
  t.true(isPlainToLodash(row));
});

test("columns named like the methods of an object shadow them", async (t) => {
  const row = await rowOf(t, `select 1 as "constructor", 2 as "toString", 3 as "hasOwnProperty"`);
  t.deepEqual(Object.entries(row), [
    ["constructor", 1],
    ["toString", 2],
    ["hasOwnProperty", 3],
  ]);
});

const awkwardNames = [
  "two words",
  "",
  'double"quote',
  "single'quote",
  "back`tick",
  "back\\slash",
  "new\nline",
  "line\u2028separator",
  "${1 + 1}",
  "*/",
  "'); throw 1; //",
  "class",
  "this",
  "then",
  "žluťoučký",
  "😀",
];

for (const name of awkwardNames) {
  test(`any name is a good name: ${JSON.stringify(name)}`, async (t) => {
    const row = await rowOf(t, `select 1 as "${name.replaceAll('"', '""')}", 2 as other`);
    t.deepEqual(Object.entries(row), [
      [name, 1],
      ["other", 2],
    ]);
    t.deepEqual(Array.from(row), [1, 2]);
  });
}

test("a hundred columns are as good as one", async (t) => {
  const names = Array.from({ length: 100 }, (_, index) => `column${index}`);
  const row = await rowOf(t, `select ${names.map((name, i) => `${i} as ${name}`).join(", ")}`);
  t.deepEqual(Object.keys(row), names);
  t.deepEqual(
    Array.from(row),
    names.map((_, index) => index),
  );
});

test("a column can be changed, added and deleted by name", async (t) => {
  const row = await rowOf(t, "select 1 as a, 2 as b");
  row["a"] = 5;
  row["c"] = 6;
  delete row["b"];
  t.deepEqual({ ...row }, { a: 5, c: 6 });
  t.is(JSON.stringify(row), '{"a":5,"c":6}');
  t.false(Object.isFrozen(row));
});

test("changing one row leaves the others alone", async (t) => {
  const client = await openClient(t);
  const { rows } = await client.execute("select 1 as a union all select 2");
  for (const row of rows.slice(0, 1)) {
    row["a"] = 9;
  }
  t.deepEqual(
    rows.map((row) => ({ ...row })),
    [{ a: 9 }, { a: 2 }],
  );
  const again = await client.execute("select 1 as a union all select 2");
  t.deepEqual(
    again.rows.map((row) => ({ ...row })),
    [{ a: 1 }, { a: 2 }],
  );
});

test("ten thousand rows come back in order", async (t) => {
  const client = await openClient(t);
  const { rows } = await client.execute(
    "with recursive n(i) as (select 0 union all select i + 1 from n where i < 9999) select i, 'row ' || i as name from n",
  );
  t.is(rows.length, 10_000);
  t.true(rows.every((row, index) => row["i"] === index && row[1] === `row ${index}`));
});
