import test from "ava";
import type { ExecutionContext } from "ava";
import { LibsqlError } from "latchdb";
import type { Client } from "latchdb";
import { openClient, selectColumn, selectValue } from "../support/database.mjs";

async function clientWithTable(t: ExecutionContext): Promise<Client> {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  return client;
}

test("executeMultiple runs every statement and resolves to nothing", async (t) => {
  const client = await openClient(t);
  const result: unknown = await client.executeMultiple(
    "create table t (a); insert into t values (1); select * from t; insert into t values (2);",
  );
  t.is(result, undefined);
  t.deepEqual(await selectColumn(client, "select a from t"), [1, 2]);
});

for (const [title, sql] of [
  ["nothing", ""],
  ["blanks", " \n\t "],
  ["a comment", "-- only a comment"],
  ["semicolons", ";;"],
] as const) {
  test(`executeMultiple of ${title} does nothing`, async (t) => {
    const client = await openClient(t);
    await t.notThrowsAsync(client.executeMultiple(sql));
  });
}

test("a semicolon in a string, a comment or a trigger ends no statement", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple(`
    create table t (a); -- a comment; with a semicolon
    create table log (a);
    create trigger logging after insert on t begin
      insert into log values (new.a);
      insert into log values ('and; again');
    end;
    insert into t values ('one; two');
  `);
  t.deepEqual(await selectColumn(client, "select a from log"), ["one; two", "and; again"]);
});

test("a statement that fails stops the script and keeps what came before", async (t) => {
  const client = await clientWithTable(t);
  await t.throwsAsync(
    client.executeMultiple("insert into t values (1); garbage; insert into t values (2)"),
    { instanceOf: LibsqlError, code: "SQLITE_ERROR", message: /near "garbage": syntax error/ },
  );
  t.deepEqual(await selectColumn(client, "select a from t"), [1]);
});

test("a constraint that fails has its extended code", async (t) => {
  const client = await openClient(t);
  const error = await t.throwsAsync<LibsqlError>(
    client.executeMultiple(
      "create table t (a unique); insert into t values (1); insert into t values (1)",
    ),
    { instanceOf: LibsqlError, code: "SQLITE_CONSTRAINT" },
  );
  t.is(error?.extendedCode, "SQLITE_CONSTRAINT_UNIQUE");
  t.is(error?.rawCode, 2067);
});

test("a script may hold a whole transaction", async (t) => {
  const client = await clientWithTable(t);
  await client.executeMultiple("begin; insert into t values (1); commit");
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

test("a script that fails inside its own transaction is rolled back", async (t) => {
  const client = await clientWithTable(t);
  await t.throwsAsync(client.executeMultiple("begin; insert into t values (1); garbage; commit"), {
    code: "SQLITE_ERROR",
  });
  t.is(await selectValue(client, "select count(*) from t"), 0);
});
