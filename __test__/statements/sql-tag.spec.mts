/** The tag `sql`: statements as values, which are bound and never written into the text. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import test from "ava";
import { createClient, sql } from "latchdb";
import type { InStatement } from "latchdb";
import * as sqlite3 from "latchdb/sqlite3";
import * as web from "latchdb/web";
import { openClient, selectColumn } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

const plain = (sqlText: string, ...args: unknown[]): { sql: string; args: unknown[] } => ({
  sql: sqlText,
  args,
});

test("a statement is a plain { sql, args }", (t) => {
  t.deepEqual(sql`select 1`, plain("select 1") as never);
  const text = "it's";
  t.deepEqual(
    sql`select ${1} + ${2n}, ${text}, ${null}, ${true}`,
    plain("select ? + ?, ?, ?, ?", 1, 2n, text, null, true) as never,
  );
  const statement = sql`select ${1}`;
  t.deepEqual(Object.keys(statement), ["sql", "args"]);
  t.is(Object.getPrototypeOf(statement), Object.prototype);
  t.is(JSON.stringify(statement), '{"sql":"select ?","args":[1]}');
  t.deepEqual(structuredClone(statement), plain("select ?", 1) as never);
});

test("every call takes one", async (t) => {
  const client = await openClient(t);
  await client.execute(sql`create table ${sql.id("t")} (a)`);
  await client.execute(sql`insert into t values (${1})`);
  await client.batch([sql`insert into t values (${2})`, sql`insert into t values (${3})`]);
  await client.migrate([sql`insert into t values (${4})`]);
  const transaction = await client.transaction();
  await transaction.execute(sql`insert into t values (${5})`);
  await transaction.batch([sql`insert into t values (${6})`]);
  t.is((await transaction.get(sql`select a from t where a = ${6}`))?.["a"], 6);
  await transaction.commit();
  t.is((await client.get(sql`select a from t where a = ${2}`))?.["a"], 2);
  await client.execute({ ...sql`insert into t values (${7})`, signal: undefined });
  t.deepEqual(await selectColumn(client, "select a from t"), [1, 2, 3, 4, 5, 6, 7]);
});

test("values are converted as other arguments are", async (t) => {
  const client = await openClient(t);
  const { rows } = await client.execute(
    sql`select ${new Date(5)} as d, ${new Uint8Array([1, 2])} as b, ${true} as t, ${2n ** 62n} >> 40 as i`,
  );
  t.deepEqual({ ...rows[0] }, { d: 5, b: new Uint8Array([1, 2]).buffer, t: 1, i: 2 ** 22 });
  for (const value of [undefined, NaN]) {
    await t.throwsAsync(client.execute(sql`select ${value}`));
  }
  await t.throwsAsync(client.execute(sql`select ${undefined}`), { instanceOf: TypeError });
  await t.throwsAsync(client.execute(sql`select ${{ a: 1 }}`), { code: "ARGUMENT_NOT_SUPPORTED" });
});

test("statements compose", async (t) => {
  const where = sql`a > ${1} and ${sql`b < ${2}`}`;
  const order = sql.raw("desc");
  t.deepEqual(
    sql`select ${sql.id("a")} from t where ${where} or c = ${3} order by a ${order}`,
    plain('select "a" from t where a > ? and b < ? or c = ? order by a desc', 1, 2, 3) as never,
  );
  const client = await openClient(t);
  const both = sql`select ${1} as a union select * from (${sql`select ${2}`}) order by 1`;
  t.deepEqual(
    (await client.execute(both)).rows.map((row) => row[0]),
    [1, 2],
  );
});

test("names are quoted", async (t) => {
  t.is(sql.id("main", 'a"b').sql, '"main"."a""b"');
  const client = await openClient(t);
  const name = 'a"; drop table t; --';
  await client.execute(sql`create table t (${sql.id(name)})`);
  await client.execute(sql`insert into ${sql.id("main", "t")} values (1)`);
  t.deepEqual(await client.get(sql`select ${sql.id("t", name)} as a from t`), { a: 1 } as never);
  t.throws(() => sql.id(), { instanceOf: TypeError });
  t.throws(() => sql.id(unchecked<string>(1)), { instanceOf: TypeError });
  t.throws(() => sql.raw(unchecked<string>(1)), { instanceOf: TypeError });
});

test("what looks like a statement is a value, and no SQL", async (t) => {
  const client = await openClient(t);
  const made = sql`1 or 1`;
  const forged: unknown[] = [
    JSON.parse(JSON.stringify(made)),
    structuredClone(made),
    { ...made },
    { sql: "1 or 1", args: [] },
    JSON.parse('{"sql": "1 or 1", "args": [], "Symbol(latchdb.sql)": true, "latchdb.sql": true}'),
  ];
  for (const value of forged) {
    const statement = sql`select ${value}`;
    t.is(statement.sql, "select ?");
    await t.throwsAsync(client.execute(statement), { code: "ARGUMENT_NOT_SUPPORTED" });
  }
});

test("a call that is no template is refused", (t) => {
  const call = unchecked<(text: unknown, ...values: unknown[]) => unknown>(sql);
  for (const text of ["select 1", ["select 1"], JSON.parse('["select ", ""]'), undefined, {}]) {
    t.throws(() => call(text, 1), { instanceOf: TypeError, message: /^Expected a template/ });
  }
  t.throws(() => sql`select '\u'`, { instanceOf: TypeError, message: /each backslash twice/ });
});

test("statements of all copies compose", async (t) => {
  const require = createRequire(import.meta.url);
  const copies = [sqlite3.sql, web.sql, (require("latchdb") as { sql: typeof sql }).sql];
  const bundle = pathToFileURL(require.resolve("../../../dist/bundle/portable/web.mjs")).href;
  const bundled = ((await import(bundle)) as { sql: typeof sql }).sql;
  t.not(bundled, sql);
  for (const copy of [...copies, bundled]) {
    t.is(sql`select ${copy`${1} + 1`}`.sql, "select ? + 1");
    t.is(copy`select ${sql.id("a")}`.sql, 'select "a"');
  }
});

test("it is a statement for the stock client, too", async (t) => {
  const stock = createRequire(import.meta.url)("@libsql/client") as {
    createClient: typeof createClient;
  };
  const client = stock.createClient({ url: ":memory:" });
  t.teardown(() => client.close());
  const statement: InStatement = sql`select ${1} + ${2} as a`;
  t.is((await client.execute(statement)).rows[0]?.["a"], 3);
});
