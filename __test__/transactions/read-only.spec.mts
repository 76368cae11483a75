import test from "ava";
import type { ExecutionContext } from "ava";
import { LibsqlBatchError, LibsqlError } from "latchdb";
import type { Client } from "latchdb";
import { openClient, selectValue } from "../support/database.mjs";

async function clientWithTable(t: ExecutionContext): Promise<Client> {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  return client;
}

const writes = [
  "insert into t values (1)",
  "insert into t values (1) returning a",
  "create table u (a)",
  "drop table t",
];

for (const sql of writes) {
  test(`a read transaction refuses with SQLITE_READONLY: ${sql}`, async (t) => {
    const client = await clientWithTable(t);
    const transaction = await client.transaction("read");
    await t.throwsAsync(transaction.execute(sql), {
      instanceOf: LibsqlError,
      code: "SQLITE_READONLY",
    });
    await transaction.rollback();
    t.is(await selectValue(client, "select count(*) from t"), 0);
  });

  test(`a read batch refuses with SQLITE_READONLY: ${sql}`, async (t) => {
    const client = await clientWithTable(t);
    const error = await t.throwsAsync<LibsqlBatchError>(client.batch(["select 1", sql], "read"), {
      instanceOf: LibsqlBatchError,
      code: "SQLITE_READONLY",
    });
    t.is(error?.statementIndex, 1);
    t.is(await selectValue(client, "select count(*) from t"), 0);
  });
}

test("executeMultiple of a read transaction refuses writes too", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("read");
  await t.throwsAsync(transaction.executeMultiple("select 1; insert into t values (1)"), {
    code: "SQLITE_READONLY",
  });
  await transaction.rollback();
});

test("a read transaction can read after it refused a write", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("read");
  await t.throwsAsync(transaction.execute("insert into t values (1)"), {
    code: "SQLITE_READONLY",
  });
  t.is(await selectValue(transaction, "select count(*) from t"), 0);
  await transaction.commit();
});

test("the client can write after a read transaction and a read batch", async (t) => {
  const client = await clientWithTable(t);
  const reading = await client.transaction("read");
  await reading.commit();
  await client.batch(["select 1"], "read");
  await client.execute("insert into t values (1)");
  const writing = await client.transaction("write");
  await writing.execute("insert into t values (2)");
  await writing.commit();
  t.is(await selectValue(client, "select count(*) from t"), 2);
});
