// rowMode "object": rows are plain objects, on whatever way they come.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, promisify } from "node:util";
import test from "ava";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import type { ObjectClient, ObjectResultSet, ObjectRow } from "latchdb";
import { openClient, temporaryDatabase } from "../support/database.mjs";

const program = fileURLToPath(import.meta.resolve("../support/programs/object-rows.mjs"));

async function openObjects(t: ExecutionContext): Promise<ObjectClient> {
  const { url } = await temporaryDatabase(t);
  const client = createClient({ url, rowMode: "object" });
  t.teardown(() => client.close());
  return client;
}

/** With so many rows, code is compiled for them. */
const MANY = 250;

function manyRows(columns: string): string {
  return `with recursive n(i) as (select 1 union all select i + 1 from n limit ${MANY}) select ${columns} from n`;
}

function isPlain(row: object): boolean {
  const names = Reflect.ownKeys(row);
  return (
    Object.getPrototypeOf(row) === Object.prototype &&
    isDeepStrictEqual(names, Object.keys(row)) &&
    isDeepStrictEqual(
      Object.getOwnPropertyDescriptors(row),
      Object.getOwnPropertyDescriptors({ ...row }),
    )
  );
}

function checkRows(t: ExecutionContext, { rows }: ObjectResultSet, expected: ObjectRow): void {
  t.true(rows.length > 0 && rows.every(isPlain));
  t.deepEqual(rows[0], expected);
}

test("rows are plain objects in each call that returns rows", async (t) => {
  const client = await openObjects(t);
  const sql = "select 1 as a, 'x' as b";
  const expected = { a: 1, b: "x" };
  checkRows(t, await client.execute(sql), expected);
  for (const result of await client.batch([sql, [sql]])) checkRows(t, result, expected);
  for (const result of await client.migrate([sql])) checkRows(t, result, expected);
  const transaction = await client.transaction("deferred");
  checkRows(t, await transaction.execute(sql), expected);
  for (const result of await transaction.batch([sql])) checkRows(t, result, expected);
  await transaction.commit();
  await client.execute("create table t (a, b)");
  checkRows(t, await client.execute("insert into t values (1, 'x') returning *"), expected);
  await client.reconnect();
  checkRows(t, await client.execute("select * from t"), expected);
});

test("the clients of a replacement have the mode of their client", async (t) => {
  const client = await openObjects(t);
  await client.replaceDatabase({
    build: async (created) => {
      await created.execute("create table t (a)");
      const { rows } = await created.execute("insert into t values (1) returning a");
      t.true(rows.every(isPlain));
    },
  });
  checkRows(t, await client.execute("select a from t"), { a: 1 });
});

test("the first and the last of many rows are alike", async (t) => {
  const client = await openObjects(t);
  const { rows } = await client.execute(manyRows("i, i * 2 as twice"));
  t.is(rows.length, MANY);
  t.true(rows.every((row, index) => isPlain(row) && row["i"] === index + 1));
  t.deepEqual(rows.at(-1), { i: MANY, twice: 2 * MANY });
});

test("there are no indexes and no length", async (t) => {
  const client = await openObjects(t);
  const { rows } = await client.execute("select 1 as a");
  t.false("length" in (rows[0] ?? {}));
  t.false(0 in (rows[0] ?? {}));
});

test("columns named like an index or length are ordinary names", async (t) => {
  const client = await openObjects(t);
  for (const row of (await client.execute(manyRows(`10 as "length", 20 as "0", 30 as "1"`))).rows) {
    t.deepEqual(row, { length: 10, 0: 20, 1: 30 });
  }
});

test("the first of several columns with one name wins", async (t) => {
  const client = await openObjects(t);
  const { rows, columns } = await client.execute(manyRows("1 as a, 2 as a, 3 as b, 4 as a"));
  t.deepEqual(columns, ["a", "a", "b", "a"]);
  t.true(rows.every((row) => isPlain(row) && isDeepStrictEqual(row, { a: 1, b: 3 })));
});

for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "__defineGetter__"]) {
  test(`a column named ${name} is an own property, the prototype stays`, async (t) => {
    const client = await openObjects(t);
    for (const row of (await client.execute(manyRows(`30 as "${name}", 1 as a`))).rows) {
      t.true(isPlain(row));
      t.deepEqual(Object.entries(row), [
        [name, 30],
        ["a", 1],
      ]);
    }
  });
}

for (const name of ["", 'double"quote', "back\\slash", "line\u2028separator", "*/", "${1}", "😀"]) {
  test(`any name is a good name of a plain object: ${JSON.stringify(name)}`, async (t) => {
    const client = await openObjects(t);
    const { rows } = await client.execute(manyRows(`1 as "${name.replaceAll('"', '""')}"`));
    t.true(rows.every((row) => isDeepStrictEqual(row, { [name]: 1 })));
  });
}

test("toJSON has arrays with the values of all columns, as it has for rows with indexes", async (t) => {
  const objects = await openObjects(t);
  const rows = await openClient(t);
  for (const sql of [
    "select 1 as a, 2 as a, x'0102' as b, null as c, 1.5 as \"0\", 'x' as length",
    manyRows(`i as "__proto__", i + 1 as "__proto__", i + 2 as toString, 'x' as "1"`),
    "select 1 as a where false",
    "create table t (a)",
  ]) {
    t.is(JSON.stringify(await objects.execute(sql)), JSON.stringify(await rows.execute(sql)));
  }
});

test("toJSON sees what was changed in a row, and rows that were moved", async (t) => {
  const client = await openObjects(t);
  const result = await client.execute("select 1 as a, 2 as a union all select 3, 4");
  result.rows.reverse();
  for (const row of result.rows) row["a"] = Number(row["a"]) * 10;
  t.deepEqual(result.toJSON().rows, [
    [30, 4],
    [10, 2],
  ]);
});

test("rows with indexes are the default, and other modes are a TypeError", async (t) => {
  const { url } = await temporaryDatabase(t);
  for (const rowMode of [undefined, "row"] as const) {
    const client = createClient({ url, rowMode });
    const { rows } = await client.execute("select 5 as a");
    t.is(rows[0]?.[0], 5);
    client.close();
  }
});

test("plain objects are made where code cannot be made from strings", async (t) => {
  // Bun knows no such flag: there the program shows the same rows made with code.
  const flags =
    process.versions["bun"] === undefined ? ["--disallow-code-generation-from-strings"] : [];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, program]);
  t.deepEqual(JSON.parse(stdout), {
    rows: MANY * 2,
    arePlain: true,
    last: [
      ["i", MANY * 2],
      ["__proto__", MANY * 4],
      ["toString", "x"],
    ],
    json: [MANY * 2, MANY * 4, "x", MANY * 2],
  });
});
