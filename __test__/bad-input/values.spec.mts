import { Buffer } from "node:buffer";
import test from "ava";
import { LibsqlError } from "latchdb";
import type { InArgs, InStatement } from "latchdb";
import { openClient, selectRow, selectValue } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";
import { goesOn, rejectsClearly } from "./clear-error.mjs";

const MEGABYTE = 1024 * 1024;

for (const sql of ["", " \n", ";", "-- nothing", "/* nothing", "\0"]) {
  test(`the SQL ${JSON.stringify(sql)} holds no statement: SQLITE_MISUSE`, async (t) => {
    const client = await openClient(t);
    await rejectsClearly(t, client.execute(sql), "SQLITE_MISUSE");
    await rejectsClearly(t, client.batch(["select 1", sql]), "SQLITE_MISUSE");
    await client.executeMultiple(sql);
    await goesOn(t, client);
  });
}

for (const sql of [
  "NOT SQL",
  "select (",
  "select 'open",
  "sel\0ect 1",
  "\ud800",
  "select 1 from",
]) {
  test(`the broken SQL ${JSON.stringify(sql)}: SQLITE_ERROR`, async (t) => {
    const client = await openClient(t);
    await rejectsClearly(t, client.execute(sql), "SQLITE_ERROR");
    await rejectsClearly(t, client.batch([sql]), "SQLITE_ERROR");
    await rejectsClearly(t, client.executeMultiple(sql), "SQLITE_ERROR");
    await goesOn(t, client);
  });
}

test("SQL of a megabyte runs", async (t) => {
  const client = await openClient(t);
  const long = "x".repeat(MEGABYTE);
  t.is(await selectValue(client, `select '${long}'`), long);
  t.is(await selectValue(client, `select 5 -- ${long}`), 5);
  t.is(await selectValue(client, `select ${"1 + ".repeat(900)}1`), 901);
});

test("broken SQL of a megabyte: SQLITE_ERROR", async (t) => {
  const client = await openClient(t);
  await rejectsClearly(t, client.execute(`select ${"x".repeat(MEGABYTE)}`), "SQLITE_ERROR");
  await rejectsClearly(t, client.execute(`select ${"(".repeat(MEGABYTE)}`), "SQLITE_ERROR");
  await rejectsClearly(t, client.execute(`select '${"x".repeat(MEGABYTE)}`), "SQLITE_ERROR");
  await goesOn(t, client);
});

test("SQL that is nested too deep or joins too much: SQLITE_ERROR", async (t) => {
  const client = await openClient(t);
  await rejectsClearly(t, client.execute(`select ${"1 + ".repeat(5000)}1`), "SQLITE_ERROR");
  const joined = Array.from({ length: 70 }, (_, i) => `(select 1) as j${i}`).join(", ");
  await rejectsClearly(t, client.execute(`select 1 from ${joined}`), "SQLITE_ERROR");
  await goesOn(t, client);
});

for (const statement of [
  undefined,
  null,
  7,
  true,
  {},
  [],
  { sql: null },
  { sql: 7 },
  () => "select 1",
]) {
  test(`a statement that is ${describe(statement)}: a TypeError that says what was expected`, async (t) => {
    const client = await openClient(t);
    const wrong = unchecked<InStatement>(statement);
    const expected = { instanceOf: TypeError, message: /^Expected / };
    await t.throwsAsync(client.execute(wrong), expected);
    await t.throwsAsync(client.batch([wrong]), { instanceOf: TypeError });
    const transaction = await client.transaction();
    await t.throwsAsync(transaction.execute(wrong), expected);
    await transaction.commit();
    await goesOn(t, client);
  });
}

for (const sql of [undefined, null, 7, {}]) {
  test(`executeMultiple of ${describe(sql)}: a TypeError that says what was expected`, async (t) => {
    const client = await openClient(t);
    const expected = { instanceOf: TypeError, message: /^Expected SQL as a string/ };
    await t.throwsAsync(client.executeMultiple(unchecked<string>(sql)), expected);
    await goesOn(t, client);
  });
}

for (const value of [{}, [1], () => 1, Symbol("s"), /a/, new Map(), Promise.resolve(1)]) {
  test(`an argument that is ${describe(value)}: ARGUMENT_NOT_SUPPORTED`, async (t) => {
    const client = await openClient(t);
    const args = unchecked<InArgs>([value]);
    await rejectsClearly(t, client.execute({ sql: "select ?", args }), "ARGUMENT_NOT_SUPPORTED");
    await rejectsClearly(t, client.batch([{ sql: "select ?", args }]), "ARGUMENT_NOT_SUPPORTED");
    await goesOn(t, client);
  });
}

test("an argument whose getter throws: its own error, and the client goes on", async (t) => {
  const client = await openClient(t);
  const args = {
    get a(): number {
      throw new Error("from the getter");
    },
  };
  const expected = { message: "from the getter" };
  await t.throwsAsync(client.execute({ sql: "select :a", args }), expected);
  await t.throwsAsync(client.batch(["select 1", { sql: "select :a", args }]), expected);
  await goesOn(t, client);
});

test("text that is not UTF-8 is read with U+FFFD in its place", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, "select cast(x'61ff62' as text)"), "a\ufffdb");
  t.is(await selectValue(client, "select cast(x'eda080' as text) || 'x'"), "\ufffd\ufffd\ufffdx");
  await client.execute("create table t (a text)");
  await client.execute("insert into t select cast(x'c328' as text) union all select 'ž'");
  t.deepEqual(
    (await client.execute("select * from t")).rows.map((row) => row.a),
    ["\ufffd(", "ž"],
  );
});

test("a column whose name is not UTF-8 can be read", async (t) => {
  const client = await openClient(t);
  const { columns } = await client.execute('select 1 as "\ud800"');
  t.deepEqual(columns, ["\ufffd"]);
});

test("text with NUL comes back whole", async (t) => {
  const client = await openClient(t);
  for (const text of ["\0", "a\0b", "\0\0\0", "end\0"]) {
    t.is(await selectValue(client, { sql: "select ?", args: [text] }), text);
    t.is(
      await selectValue(client, { sql: "select hex(?)", args: [text] }),
      Buffer.from(text).toString("hex").toUpperCase(),
    );
  }
});

for (const value of [2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
  test(`the integer ${value} is exact, or a RangeError where it is to be a number`, async (t) => {
    const asBigint = await openClient(t, { intMode: "bigint" });
    t.is(await selectValue(asBigint, { sql: "select ?", args: [value] }), value);
    const asString = await openClient(t, { intMode: "string" });
    t.is(await selectValue(asString, { sql: "select ?", args: [value] }), String(value));
    const asNumber = await openClient(t, { intMode: "number" });
    const read = selectValue(asNumber, { sql: "select ?", args: [value] });
    if (Number.isSafeInteger(Number(value))) t.is(await read, Number(value));
    else await t.throwsAsync(read, { instanceOf: RangeError });
    await goesOn(t, asNumber);
  });
}

for (const value of [2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n, 10n ** 100n, NaN, Infinity]) {
  test(`${typeof value} ${String(value).slice(0, 25)} is refused with a RangeError`, async (t) => {
    const client = await openClient(t);
    await t.throwsAsync(client.execute({ sql: "select ?", args: [value] }), {
      instanceOf: RangeError,
    });
    await goesOn(t, client);
  });
}

test("a blob of 100 MB goes in and comes out", async (t) => {
  const client = await openClient(t);
  const blob = Buffer.alloc(100 * MEGABYTE, "0123456789abcdef");
  await client.execute("create table t (a blob)");
  await client.execute({ sql: "insert into t values (?)", args: [blob] });
  const value = await selectValue(client, "select a from t");
  t.true(value instanceof ArrayBuffer && Buffer.from(value).equals(blob));
  await client.execute("delete from t");
  await goesOn(t, client);
});

test("a value over SQLite's limit: SQLITE_TOOBIG", async (t) => {
  const client = await openClient(t);
  await rejectsClearly(t, client.execute("select zeroblob(2000000000)"), "SQLITE_TOOBIG");
  await goesOn(t, client);
});

test("32,766 parameters are bound, 32,767 are SQLITE_ERROR", async (t) => {
  const client = await openClient(t);
  const args = Array.from({ length: 32_766 }, (_, i) => i);
  const list = args.map(() => "?").join(", ");
  const sum = await selectValue(client, {
    sql: `select sum(column1) from (values ${args.map(() => "(?)").join(", ")})`,
    args,
  });
  t.is(sum, (32_765 * 32_766) / 2);
  await rejectsClearly(
    t,
    client.execute({ sql: `select 1 in (${list}, ?)`, args: [...args, 1] }),
    "SQLITE_ERROR",
  );
  await rejectsClearly(t, client.execute("select ?32767"), "SQLITE_ERROR");
  t.is(await selectValue(client, { sql: "select ?32766", args }), 32_765);
  await goesOn(t, client);
});

test("2,000 columns are read, 2,001 are SQLITE_ERROR", async (t) => {
  const client = await openClient(t);
  const columns = Array.from({ length: 2000 }, (_, i) => `${i} as c${i}`).join(", ");
  const row = await selectRow(client, `select ${columns}`);
  t.is(Object.keys(row).length, 2000);
  t.is(row.length, 2000);
  t.is(row[1999], 1999);
  await rejectsClearly(t, client.execute(`select ${columns}, 1 as more`), "SQLITE_ERROR");
  const names = Array.from({ length: 2001 }, (_, i) => `c${i}`).join(", ");
  await rejectsClearly(t, client.execute(`create table t (${names})`), "SQLITE_ERROR");
  await goesOn(t, client);
});

test("an extension that must not be loaded is an error with a code", async (t) => {
  const client = await openClient(t);
  await rejectsClearly(t, client.execute("select load_extension('nowhere')"), "SQLITE_ERROR");
  await goesOn(t, client);
});

test("a query without end can be stopped by a limit of its memory or by close, not by a crash", async (t) => {
  const client = await openClient(t);
  const endless = client.execute(
    "with recursive n (i) as (select 1 union all select i + 1 from n) select max(i) from n",
  );
  client.close();
  const error = await t.throwsAsync<LibsqlError>(endless, { instanceOf: LibsqlError });
  t.is(error?.code, "CLIENT_CLOSED");
});

function describe(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (typeof value !== "object" || value === null) return String(value);
  const name = Array.isArray(value) ? "an array" : `a ${value.constructor.name}`;
  return `${name} ${JSON.stringify(value)}`;
}
