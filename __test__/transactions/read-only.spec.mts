import test from "ava";
import type { ExecutionContext } from "ava";
import { LibsqlBatchError, LibsqlError } from "latchdb";
import type { Client } from "latchdb";
import { openClient, selectValue, temporaryDatabase } from "../support/database.mjs";

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

test("what would create nothing creates nothing once another client has dropped it", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open({ concurrency: 1 });
  const other = database.open();
  const create = "create trigger if not exists tr after insert on t begin select 1; end";
  await other.executeMultiple(`create table t (a); ${create}`);
  const known = await client.transaction("read");
  for (let i = 0; i < 2; i++) await known.execute(create);
  await known.commit();
  await other.execute("drop trigger tr");
  const transaction = await client.transaction("read");
  await t.throwsAsync(transaction.execute(create), { code: "SQLITE_READONLY" });
  transaction.close();
  t.is(await selectValue(other, "select count(*) from sqlite_schema where type = 'trigger'"), 0);
});
