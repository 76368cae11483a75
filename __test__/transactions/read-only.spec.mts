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

/** What stock takes, too. Those that the differential test cannot compare are here alone: EXPLAIN's rows. */
const taken: Array<[title: string, sql: string[]]> = [
  ["EXPLAIN of writes", ["explain insert into t values (1)", "explain create table u (a)"]],
  ["EXPLAIN with RETURNING", ["explain insert into t values (1) returning a"]],
  ["EXPLAIN QUERY PLAN of writes", ["explain query plan delete from t", "explain vacuum"]],
  ["reading PRAGMAs", ["pragma journal_mode", "pragma user_version", "pragma integrity_check"]],
  ["settings of the connection", ["pragma cache_size = 100", "pragma temp.journal_mode = memory"]],
  [
    "TEMP tables",
    [
      "create temp table u (a)",
      "create table temp.w (a)",
      "insert into u select 1 returning a",
      "insert into w select * from u",
      "update w set a = 2",
      "delete from w",
      "alter table w rename to x",
      "drop table x",
    ],
  ],
  [
    "a TEMP trigger that writes to TEMP",
    [
      "create temp table u (a)",
      "create temp table w (a)",
      "create temp trigger g after insert on u begin insert into w values (new.a); end",
      "insert into u values (1)",
    ],
  ],
  ["a TEMP trigger on a table", ["create temp trigger g after insert on t begin select 1; end"]],
];

for (const [title, statements] of taken) {
  test(`a read transaction takes ${title}`, async (t) => {
    const client = await clientWithTable(t);
    const transaction = await client.transaction("read");
    for (const sql of statements) await t.notThrowsAsync(transaction.execute(sql), sql);
    await transaction.commit();
    t.is(await selectValue(client, "select count(*) from t"), 0);
  });

  test(`a read batch and a script take ${title}`, async (t) => {
    const client = await clientWithTable(t);
    await t.notThrowsAsync(client.batch(statements, "read"));
    const other = await clientWithTable(t);
    const transaction = await other.transaction("read");
    await t.notThrowsAsync(transaction.executeMultiple(statements.join(";")));
    await transaction.commit();
  });
}

test("a read transaction refuses what writes to the file, whatever else it does", async (t) => {
  const client = await clientWithTable(t);
  await client.executeMultiple(`
    create view v as select * from t;
    create trigger on_v instead of insert on v begin insert into t values (new.a); end;
    create virtual table f using fts5(b);
  `);
  const transaction = await client.transaction("read");
  for (const sql of [
    "create temp table u (a)",
    "create temp trigger g after insert on u begin insert into t values (new.a); end",
    "attach ':memory:' as m",
  ]) {
    await transaction.execute(sql);
  }
  for (const sql of [
    "insert into u values (1)",
    "insert into t select * from u",
    "insert into v values (1)",
    "insert into f(f) values ('rebuild')",
    "create table m.x (a)",
    "alter table t add column b",
    "create index i on t (a)",
    "pragma user_version = 5",
    "pragma journal_mode = wal",
    "analyze",
    "vacuum",
  ]) {
    await t.throwsAsync(transaction.execute(sql), { code: "SQLITE_READONLY" }, sql);
  }
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("EXPLAIN of a write does not wait for a writer", async (t) => {
  const client = await clientWithTable(t);
  const writing = await client.transaction("write");
  await writing.execute("insert into t values (1)");
  const { rows } = await client.execute("explain insert into t values (2)");
  t.true(rows.length > 0);
  await writing.commit();
});

test("EXPLAIN of CREATE TEMP TABLE and of ATTACH pins no client", async (t) => {
  const client = await clientWithTable(t);
  await client.execute("explain create temp table u (a)");
  await client.execute("explain attach ':memory:' as m");
  const [one, two] = [await client.transaction("read"), await client.transaction("read")];
  t.is(await selectValue(one, "select count(*) from t"), 0);
  t.is(await selectValue(two, "select count(*) from t"), 0);
  one.close();
  two.close();
});
