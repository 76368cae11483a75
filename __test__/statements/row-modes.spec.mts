/** What the rows of a statement are: `rowMode` and `intMode` of the statement, and of the client. */
import test from "ava";
import { createClient } from "latchdb";
import type { LatchConfig, LocalClient, RowMode } from "latchdb";
import { openClient, temporaryDatabase } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

const modes: readonly RowMode[] = ["row", "object", "array", "pluck", "expand"];
/** More than compile code for the rows, and than one answer has. */
const many = 5_000;

const schema =
  "create table a (id integer primary key, name text); insert into a values (1, 'x');" +
  "create table b (id integer primary key, a integer, name text); insert into b values (7, 1, 'y')";
const join = "select a.*, b.*, a.id + 1 as id, 5 as n from a join b on b.a = a.id";
const joined: Record<RowMode, unknown> = {
  row: { id: 1, name: "x", a: 1, n: 5 },
  object: { id: 1, name: "x", a: 1, n: 5 },
  array: [1, "x", 7, 1, "y", 2, 5],
  pluck: 1,
  expand: { a: { id: 1, name: "x" }, b: { id: 7, a: 1, name: "y" }, $: { id: 2, n: 5 } },
};
/** Without the prototype of rows with indexes. */
const plain = (mode: RowMode, row: unknown): unknown =>
  mode === "row" ? { ...(row as object) } : row;

for (const execution of ["auto", "thread"] as const) {
  test(`the modes of a statement take turns (${execution})`, async (t) => {
    const client = await openClient(t, { execution });
    await client.executeMultiple(schema);
    for (let run = 0; run < 6; run++) {
      for (const rowMode of modes) {
        const { rows } = await client.execute({ sql: join, rowMode });
        t.deepEqual(plain(rowMode, rows[0]), joined[rowMode], rowMode);
        t.deepEqual(plain(rowMode, await client.get({ sql: join, rowMode })), joined[rowMode]);
      }
      const { rows } = await client.execute(join);
      t.is(rows[0]?.[4], "y");
    }
    if (execution === "auto") t.true(client.stats().calls.inPlace > 20);
  });
}

test("batches, transactions and iterators have them, too", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple(schema);
  const statements = modes.map((rowMode) => ({ sql: join, rowMode }));
  const check = (results: readonly { rows: readonly unknown[] }[]): void => {
    results.forEach(({ rows }, index) => {
      const mode = modes[index] as RowMode;
      t.deepEqual(plain(mode, rows[0]), joined[mode], mode);
    });
  };
  check(await client.batch(statements));
  check(await client.migrate(statements));
  await client.transaction(async (outer) => {
    check(await outer.batch(statements));
    await outer.transaction(async (tx) => {
      check(await tx.batch(statements));
      for (const rowMode of modes) {
        check([await tx.execute({ sql: join, rowMode })].map((result) => ({ ...result })).slice(1));
        t.deepEqual(plain(rowMode, await tx.get({ sql: join, rowMode })), joined[rowMode]);
        for await (const row of tx.iterate({ sql: join, rowMode })) {
          t.deepEqual(plain(rowMode, row), joined[rowMode]);
        }
      }
    });
  });
  for (const rowMode of modes) {
    for await (const row of client.iterate({ sql: join, rowMode })) {
      t.deepEqual(plain(rowMode, row), joined[rowMode]);
    }
  }
});

for (const rowMode of modes) {
  test(`a client of the mode ${rowMode}, and a statement that says another`, async (t) => {
    const { url } = await temporaryDatabase(t);
    const client = createClient({ url, rowMode } as LatchConfig);
    t.teardown(() => client.close());
    await client.executeMultiple(schema);
    for (let run = 0; run < 5; run++) {
      const { rows } = await client.execute(join);
      t.deepEqual(plain(rowMode, rows[0]), joined[rowMode]);
      t.deepEqual(await client.get({ sql: join, rowMode: "array" }), joined.array as never[]);
    }
    const tx = await client.transaction();
    t.deepEqual(plain(rowMode, await tx.get(join)), joined[rowMode]);
    await tx.rollback();
    await client.reconnect();
    t.deepEqual(plain(rowMode, await client.get(join)), joined[rowMode]);
  });

  test(`many rows of the mode ${rowMode}, chunk by chunk`, async (t) => {
    const client = await openClient(t);
    const sql = `select value as a, 'é' || value as b from generate_series(1, ${many})`;
    const row = (i: number): unknown =>
      ({ array: [i, `é${i}`], pluck: i, expand: { $: { a: i, b: `é${i}` } } })[
        rowMode as "array"
      ] ?? {
        a: i,
        b: `é${i}`,
      };
    const { rows } = await client.execute({ sql, rowMode });
    t.is(rows.length, many);
    t.deepEqual(plain(rowMode, rows[many - 1]), withTables(row(many)));
    let count = 0;
    for await (const found of client.iterate({ sql, rowMode }, { chunk: 700 })) {
      count++;
      if (count % 999 === 1) t.deepEqual(plain(rowMode, found), withTables(row(count)));
    }
    t.is(count, many);
  });
}

/** The column of the table-valued function is one of its table. */
function withTables(row: unknown): unknown {
  const expanded = row as { $?: { a: number; b: string } };
  const { $ } = expanded;
  return $ === undefined ? row : { generate_series: { a: $.a }, $: { b: $.b } };
}

test("an iterator on the only connection of a database in memory", async (t) => {
  const client = createClient({ url: ":memory:" });
  t.teardown(() => client.close());
  const sql = "select value + 9007199254740992 from generate_series(1, 3)";
  const values: unknown[] = [];
  const rows = client.iterate({ sql, rowMode: "pluck", intMode: "bigint" }, { chunk: 1 });
  for await (const value of rows) values.push(value);
  t.deepEqual(values, [9007199254740993n, 9007199254740994n, 9007199254740995n]);
});

test("names that objects inherit, and equal names", async (t) => {
  const client = await openClient(t);
  await client.execute('create table "__proto__" ("__proto__", "constructor", "toString")');
  await client.execute('insert into "__proto__" values (1, 2, 3)');
  const sql = 'select *, 4 as "__proto__", 5 as "$", 6 as "$" from "__proto__"';
  const { rows } = await client.execute({ sql, rowMode: "expand" });
  const large = await client.execute({
    sql: `${sql} join generate_series(1, 200)`,
    rowMode: "expand",
  });
  for (const row of [rows[0], large.rows[199]]) {
    t.is(Object.getPrototypeOf(row), Object.prototype);
    t.deepEqual(
      Object.keys(row ?? {}).filter((name) => name !== "generate_series"),
      ["__proto__", "$"],
    );
    const own = Object.getOwnPropertyDescriptor(row, "__proto__")?.value as object;
    t.deepEqual(Object.entries(own), [
      ["__proto__", 1],
      ["constructor", 2],
      ["toString", 3],
    ]);
    t.deepEqual(Object.entries(row?.["$"] ?? {}), [
      ["__proto__", 4],
      ["$", 5],
    ]);
  }
});

test("expand knows the names of tables after a change of the schema", async (t) => {
  for (const execution of ["auto", "thread"] as const) {
    const database = await temporaryDatabase(t);
    const [client, other] = [database.open({ execution }), database.open()];
    await client.executeMultiple(
      "create table t (a); create view v as select a from t; insert into t values (1)",
    );
    const sql = "select * from v";
    for (let run = 0; run < 5; run++) {
      t.deepEqual(await client.get({ sql, rowMode: "expand" }), { t: { a: 1 } });
      await client.execute(sql);
    }
    await other.execute("alter table t rename to u");
    for (let run = 0; run < 5; run++) {
      t.deepEqual(await client.get({ sql, rowMode: "expand" }), { u: { a: 1 } });
    }
  }
});

test("the JSON of a result", async (t) => {
  const client = await openClient(t, { intMode: "bigint" });
  await client.executeMultiple(
    "create table t (a, b); insert into t values (x'0102', 9007199254740993)",
  );
  const rowsOf = async (rowMode: RowMode): Promise<unknown> =>
    (await client.execute({ sql: "select a, b, 5 from t", rowMode })).toJSON().rows;
  for (const mode of ["row", "object", "array"] as const) {
    t.deepEqual(await rowsOf(mode), [["AQI=", "9007199254740993", "5"]]);
  }
  t.deepEqual(await rowsOf("pluck"), ["AQI="]);
  t.deepEqual(await rowsOf("expand"), [{ t: { a: "AQI=", b: "9007199254740993" }, $: { 5: "5" } }]);
});

test("a statement without columns, or without rows", async (t) => {
  const client = await openClient(t);
  for (const rowMode of modes) {
    const made = await client.execute({ sql: `create table t_${rowMode} (a)`, rowMode });
    t.deepEqual([made.columns, made.rows], [[], []]);
    const none = await client.execute({ sql: `select * from t_${rowMode}`, rowMode });
    t.deepEqual([none.columns, none.rows], [["a"], []]);
    t.is(await client.get({ sql: `select * from t_${rowMode}`, rowMode }), undefined);
  }
});

test("the intMode of a statement", async (t) => {
  for (const execution of ["auto", "thread"] as const) {
    const client = await openClient(t, { execution });
    const big = "select 9007199254740993, 1, -5";
    for (let run = 0; run < 4; run++) {
      const as = (intMode: "bigint" | "string"): object => ({
        sql: big,
        intMode,
        rowMode: "array",
      });
      t.deepEqual(await client.get(as("bigint") as never), [9007199254740993n, 1n, -5n] as never);
      t.deepEqual(await client.get(as("string") as never), [
        "9007199254740993",
        "1",
        "-5",
      ] as never);
      await t.throwsAsync(client.execute(big), { instanceOf: RangeError });
      await t.throwsAsync(client.execute({ sql: big, intMode: "number" }), {
        instanceOf: RangeError,
      });
    }
    const values: unknown[] = [];
    const sql = "select value + 9007199254740992 from generate_series(1, 3)";
    for await (const value of client.iterate(
      { sql, intMode: "bigint", rowMode: "pluck" },
      { chunk: 1 },
    )) {
      values.push(value);
    }
    t.deepEqual(values, [9007199254740993n, 9007199254740994n, 9007199254740995n]);
    // A boolean is bound as the statement reads integers.
    const kind = { sql: "select typeof(?)", args: [true], rowMode: "pluck" as const };
    t.is(await client.get({ ...kind, intMode: "string" }), "text");
    t.is(await client.get({ ...kind, intMode: "bigint" }), "integer");
  }
});

test("a number again with a client of bigints", async (t) => {
  const client = await openClient(t, { intMode: "bigint" });
  const [first, second] = await client.batch([{ sql: "select 1", intMode: "number" }, "select 1"]);
  t.deepEqual([first?.rows[0]?.[0], second?.rows[0]?.[0]], [1, 1n]);
  const beyond = client.batch([{ sql: "select 9007199254740993", intMode: "number" }]);
  await t.throwsAsync(beyond, { instanceOf: RangeError });
});

test("the options are those of the call, also of a call that waits", async (t) => {
  const client: LocalClient = await openClient(t);
  const statement = { sql: "select 1", rowMode: "array" as "array" | "pluck" };
  const batch = client.batch(Array.from({ length: 2_000 }, () => "select 1"));
  const waits = client.execute(statement);
  statement.rowMode = "pluck";
  await batch;
  t.deepEqual((await waits).rows, [[1]]);
});

test("a value that there is not is a TypeError", async (t) => {
  const client = await openClient(t);
  const wrong = {
    rowMode: ["rows", 1, {}],
    intMode: ["int", 1],
    readOnly: [1, "yes"],
    strict: [0, "no"],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const statement = unchecked<string>({ sql: "select 1", [name]: value });
      const message = new RegExp(`^${name} must be .*, got `);
      await t.throwsAsync(client.execute(statement), { instanceOf: TypeError, message });
      await t.throwsAsync(client.get(statement), { instanceOf: TypeError, message });
      await t.throwsAsync(client.batch([statement]), { instanceOf: TypeError, message });
      t.throws(() => client.iterate(statement), { instanceOf: TypeError, message });
    }
    const none = unchecked<string>({ sql: "select 1 as a", [name]: null });
    t.deepEqual({ ...(await client.get(none)) }, { a: 1 });
  }
});
