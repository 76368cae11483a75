import test from "ava";
import type { ExecutionContext } from "ava";
import { LibsqlBatchError } from "latchdb";
import type { Client, InArgs, TransactionMode } from "latchdb";
import { openClient, selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

async function clientWithTable(t: ExecutionContext): Promise<Client> {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  return client;
}

test("a batch gives one result set for each statement, in order", async (t) => {
  const client = await clientWithTable(t);
  const resultSets = await client.batch(
    ["insert into t values (1), (2)", "select a from t", "delete from t where a = 1"],
    "write",
  );
  t.deepEqual(
    resultSets.map(({ rowsAffected, rows }) => ({
      rowsAffected,
      rows: rows.map((row) => ({ ...row })),
    })),
    [
      { rowsAffected: 2, rows: [] },
      { rowsAffected: 0, rows: [{ a: 1 }, { a: 2 }] },
      { rowsAffected: 1, rows: [] },
    ],
  );
});

test("a statement is a string, an object or a tuple with or without arguments", async (t) => {
  const client = await openClient(t);
  const statements: Array<string | { sql: string; args?: InArgs } | [string, InArgs?]> = [
    "select 1",
    { sql: "select 2" },
    { sql: "select ?", args: [3] },
    { sql: "select :a", args: { a: 4 } },
    ["select 5"],
    ["select ?", [6]],
    ["select :a", { a: 7 }],
  ];
  const resultSets = await client.batch(statements);
  t.deepEqual(
    resultSets.map(({ rows }) => rows[0]?.[0]),
    [1, 2, 3, 4, 5, 6, 7],
  );
});

test("an empty batch gives no result sets", async (t) => {
  const client = await openClient(t);
  t.deepEqual(await client.batch([]), []);
});

test("a statement that fails rolls back the whole batch", async (t) => {
  const client = await clientWithTable(t);
  const error = await t.throwsAsync<LibsqlBatchError>(
    client.batch(["insert into t values (1)", "insert into t values (2)", "garbage"], "write"),
    { instanceOf: LibsqlBatchError, code: "SQLITE_ERROR" },
  );
  t.is(error?.statementIndex, 2);
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("statements after the one that fails do not run", async (t) => {
  const client = await clientWithTable(t);
  const error = await t.throwsAsync<LibsqlBatchError>(
    client.batch(["garbage", "rubbish"], "write"),
    { instanceOf: LibsqlBatchError },
  );
  t.is(error?.statementIndex, 0);
});

test("an argument that is refused keeps its TypeError and rolls back the batch", async (t) => {
  const client = await clientWithTable(t);
  await t.throwsAsync(
    client.batch(
      ["insert into t values (1)", ["insert into t values (?)", [unchecked<string>(undefined)]]],
      "write",
    ),
    { instanceOf: TypeError },
  );
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("an integer that is unsafe to read keeps its RangeError and rolls back the batch", async (t) => {
  const client = await clientWithTable(t);
  await t.throwsAsync(
    client.batch(["insert into t values (1)", "select 9223372036854775807"], "write"),
    { instanceOf: RangeError },
  );
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("a bad mode is a RangeError", async (t) => {
  const client = await openClient(t);
  await t.throwsAsync(client.batch(["select 1"], unchecked<TransactionMode>("exclusive")), {
    instanceOf: RangeError,
    message: /Unknown transaction mode/,
  });
});

for (const mode of ["write", "read", "deferred"] as const) {
  test(`a batch can read in mode "${mode}"`, async (t) => {
    const client = await openClient(t);
    const [resultSet] = await client.batch(["select 1 as a"], mode);
    t.deepEqual({ ...resultSet?.rows[0] }, { a: 1 });
  });
}

for (const mode of ["write", "deferred"] as const) {
  test(`a batch can write in mode "${mode}"`, async (t) => {
    const client = await clientWithTable(t);
    await client.batch(["insert into t values (1)", "insert into t values (2)"], mode);
    t.deepEqual(await selectColumn(client, "select a from t"), [1, 2]);
  });
}

test("the mode is deferred where none is given: reading needs no write lock", async (t) => {
  const database = await temporaryDatabase(t);
  const reader = database.open();
  const writer = database.open();
  const transaction = await writer.transaction("write");
  t.is((await reader.batch(["select 1"])).length, 1);
  t.is((await reader.batch(["select 1"], "read")).length, 1);
  await t.throwsAsync(reader.batch(["select 1"], "write"), { code: "SQLITE_BUSY" });
  await transaction.rollback();
});

test("a COMMIT inside a batch fails the next statement with TRANSACTION_CLOSED", async (t) => {
  const client = await openClient(t);
  const error = await t.throwsAsync<LibsqlBatchError>(
    client.batch(["commit", "select 1"], "write"),
    { instanceOf: LibsqlBatchError, code: "TRANSACTION_CLOSED" },
  );
  t.is(error?.statementIndex, 1);
});

test("a batch of a transaction runs inside it, and its failure leaves the choice", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction();
  const error = await t.throwsAsync<LibsqlBatchError>(
    transaction.batch(["insert into t values (1)", "garbage"]),
    { instanceOf: LibsqlBatchError, code: "SQLITE_ERROR" },
  );
  t.is(error?.statementIndex, 1);
  t.false(transaction.closed);
  await transaction.batch([{ sql: "insert into t values (?)", args: [2] }]);
  await transaction.commit();
  t.deepEqual(await selectColumn(client, "select a from t"), [1, 2]);
});

test("the client goes on after a batch that failed", async (t) => {
  const client = await clientWithTable(t);
  await t.throwsAsync(client.batch(["garbage"], "write"), { code: "SQLITE_ERROR" });
  await client.batch(["insert into t values (1)"], "write");
  t.is(await selectValue(client, "select count(*) from t"), 1);
});
