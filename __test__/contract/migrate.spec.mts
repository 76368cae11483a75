import test from "ava";
import type { ExecutionContext } from "ava";
import { LibsqlBatchError } from "latchdb";
import type { Client } from "latchdb";
import { openClient, selectColumn, selectValue } from "../support/database.mjs";

async function clientWithFamily(t: ExecutionContext): Promise<Client> {
  const client = await openClient(t);
  await client.executeMultiple(`
    create table parent (id integer primary key);
    create table child (parent_id references parent (id));
  `);
  return client;
}

test("migrate gives one result set for each statement, in order", async (t) => {
  const client = await openClient(t);
  const resultSets = await client.migrate([
    "create table t (a)",
    { sql: "insert into t values (?), (?)", args: [1, 2] },
    "select a from t",
  ]);
  t.deepEqual(
    resultSets.map(({ rowsAffected }) => rowsAffected),
    [0, 2, 0],
  );
  t.deepEqual(await selectColumn(client, "select a from t"), [1, 2]);
});

test("migrate of nothing gives no result sets", async (t) => {
  const client = await openClient(t);
  t.deepEqual(await client.migrate([]), []);
});

test("foreign keys are not enforced during a migration", async (t) => {
  const client = await clientWithFamily(t);
  await client.migrate(["insert into child values (99)"]);
  t.is(await selectValue(client, "select count(*) from child"), 1);
});

test("a parent table can be rebuilt by a migration without touching its children", async (t) => {
  const client = await clientWithFamily(t);
  await client.batch(["insert into parent values (1)", "insert into child values (1)"], "write");
  await client.migrate([
    "create table new_parent (id integer primary key, name text)",
    "insert into new_parent (id) select id from parent",
    "drop table parent",
    "alter table new_parent rename to parent",
  ]);
  t.is(await selectValue(client, "select count(*) from child"), 1);
  t.is(await selectValue(client, "select count(*) from parent where name is null"), 1);
});

test("foreign keys are enforced again after a migration", async (t) => {
  const client = await clientWithFamily(t);
  await client.migrate(["create table t (a)"]);
  t.is(await selectValue(client, "pragma foreign_keys"), 1);
  await t.throwsAsync(client.execute("insert into child values (99)"), {
    code: "SQLITE_CONSTRAINT",
  });
});

test("a migration that fails is rolled back whole and names the statement", async (t) => {
  const client = await clientWithFamily(t);
  const error = await t.throwsAsync<LibsqlBatchError>(
    client.migrate(["create table t (a)", "garbage"]),
    { instanceOf: LibsqlBatchError, code: "SQLITE_ERROR" },
  );
  t.is(error?.statementIndex, 1);
  t.true(error?.message.includes('near "garbage": syntax error'));
  t.is(await selectValue(client, "select count(*) from sqlite_schema where name = 't'"), 0);
});

test("foreign keys are enforced again after a migration that failed", async (t) => {
  const client = await clientWithFamily(t);
  await t.throwsAsync(client.migrate(["garbage"]), { code: "SQLITE_ERROR" });
  t.is(await selectValue(client, "pragma foreign_keys"), 1);
  await t.throwsAsync(client.execute("insert into child values (99)"), {
    code: "SQLITE_CONSTRAINT",
  });
});
