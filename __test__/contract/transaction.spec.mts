import test from "ava";
import type { ExecutionContext } from "ava";
import { LibsqlError } from "latchdb";
import type { Client, Transaction, TransactionMode } from "latchdb";
import { openClient, selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

async function clientWithTable(t: ExecutionContext): Promise<Client> {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  return client;
}

test("a transaction is an instance of a class", async (t) => {
  const client = await openClient(t);
  const transaction = await client.transaction();
  t.not(transaction.constructor.name, "Object");
  transaction.close();
});

test("what was committed stays", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (1)");
  await transaction.execute({ sql: "insert into t values (?)", args: [2] });
  t.false(transaction.closed);
  await transaction.commit();
  t.true(transaction.closed);
  t.deepEqual(await selectColumn(client, "select a from t"), [1, 2]);
});

test("what was rolled back is gone", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (1)");
  await transaction.rollback();
  t.true(transaction.closed);
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("closing an open transaction rolls it back, and closing it twice is one close", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (1)");
  transaction.close();
  transaction.close();
  t.true(transaction.closed);
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("closing a committed transaction changes nothing", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (1)");
  await transaction.commit();
  transaction.close();
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

test("a rollback after a commit does nothing", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (1)");
  await transaction.commit();
  await transaction.rollback();
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

const endings: Array<[string, (transaction: Transaction) => Promise<void> | void]> = [
  ["commit", (transaction) => transaction.commit()],
  ["rollback", (transaction) => transaction.rollback()],
  ["close", (transaction) => transaction.close()],
];

for (const [ending, end] of endings) {
  test(`after ${ending} everything but rollback and close is TRANSACTION_CLOSED`, async (t) => {
    const client = await openClient(t);
    const transaction = await client.transaction();
    await end(transaction);
    const closed = { instanceOf: LibsqlError, code: "TRANSACTION_CLOSED" };
    await t.throwsAsync(transaction.execute("select 1"), closed);
    await t.throwsAsync(transaction.batch(["select 1"]), closed);
    await t.throwsAsync(transaction.executeMultiple("select 1"), closed);
    await t.throwsAsync(transaction.commit(), closed);
    await t.notThrowsAsync(transaction.rollback());
    t.notThrows(() => transaction.close());
  });
}

test("a COMMIT executed in a transaction closes it", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction();
  await transaction.execute("insert into t values (1)");
  await transaction.execute("commit");
  t.true(transaction.closed);
  await t.throwsAsync(transaction.execute("select 1"), { code: "TRANSACTION_CLOSED" });
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

test("savepoints work inside a transaction", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction();
  await transaction.execute("insert into t values (1)");
  await transaction.execute("savepoint here");
  await transaction.execute("insert into t values (2)");
  await transaction.execute("rollback to here");
  await transaction.execute("release here");
  await transaction.commit();
  t.deepEqual(await selectColumn(client, "select a from t"), [1]);
});

test("operations that are not awaited run in the order of their calls", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction();
  const counts = await Promise.all([
    selectValue(transaction, "select count(*) from t"),
    transaction.execute("insert into t values (1)").then(({ rowsAffected }) => rowsAffected),
    selectValue(transaction, "select count(*) from t"),
    transaction.batch(["insert into t values (2)"]).then(({ length }) => length),
    transaction.executeMultiple("insert into t values (3); insert into t values (4)"),
    selectValue(transaction, "select count(*) from t"),
    transaction.commit(),
  ]);
  t.deepEqual(counts, [0, 1, 1, 1, undefined, 4, undefined]);
  t.deepEqual(await selectColumn(client, "select a from t"), [1, 2, 3, 4]);
});

test("executeMultiple of a transaction runs inside it", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction();
  await transaction.executeMultiple("insert into t values (1); insert into t values (2)");
  t.is(await selectValue(transaction, "select count(*) from t"), 2);
  await transaction.rollback();
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("executeMultiple that fails in a transaction keeps what came before and leaves it open", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction();
  await t.throwsAsync(transaction.executeMultiple("insert into t values (1); garbage"), {
    code: "SQLITE_ERROR",
  });
  t.false(transaction.closed);
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

test("the client does not see what a transaction has not committed", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (1)");
  t.is(await selectValue(client, "select count(*) from t"), 0);
  t.is(await selectValue(transaction, "select count(*) from t"), 1);
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

test("the mode is write where none is given", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const other = database.open();
  await client.execute("create table t (a)");
  const transaction = await client.transaction();
  await t.throwsAsync(other.execute("insert into t values (1)"), { code: "SQLITE_BUSY" });
  await transaction.rollback();
  await t.notThrowsAsync(other.execute("insert into t values (1)"));
});

for (const mode of ["deferred", "read"] as const) {
  test(`mode "${mode}" takes no write lock`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    const other = database.open();
    await client.execute("create table t (a)");
    const transaction = await client.transaction(mode);
    await t.notThrowsAsync(other.execute("insert into t values (1)"));
    t.is(await selectValue(transaction, "select count(*) from t"), 1);
    await transaction.rollback();
  });
}

test("a deferred transaction can write", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("deferred");
  t.is(await selectValue(transaction, "select count(*) from t"), 0);
  await transaction.execute("insert into t values (1)");
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

test("a deferred transaction whose snapshot is stale cannot write", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const other = database.open();
  await client.execute("pragma journal_mode = wal");
  await client.execute("create table t (a)");
  const transaction = await client.transaction("deferred");
  t.is(await selectValue(transaction, "select count(*) from t"), 0);
  await other.execute("insert into t values (1)");
  const error = await t.throwsAsync<LibsqlError>(transaction.execute("insert into t values (2)"), {
    instanceOf: LibsqlError,
    code: "SQLITE_BUSY",
  });
  t.is(error?.extendedCode, "SQLITE_BUSY_SNAPSHOT");
  t.is(error?.rawCode, 517);
  await transaction.rollback();
});

test("in WAL mode a transaction keeps reading what it first saw", async (t) => {
  const client = await openClient(t);
  await client.execute("pragma journal_mode = wal");
  await client.execute("create table t (a)");
  const transaction = await client.transaction("read");
  t.is(await selectValue(transaction, "select count(*) from t"), 0);
  await client.execute("insert into t values (1)");
  t.is(await selectValue(transaction, "select count(*) from t"), 0);
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

test("a bad mode is a RangeError, and the client goes on", async (t) => {
  const client = await clientWithTable(t);
  await t.throwsAsync(client.transaction(unchecked<TransactionMode>("exclusive")), {
    instanceOf: RangeError,
    message: /Unknown transaction mode/,
  });
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (1)");
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

test("closing the client closes its transactions", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("create table t (a)");
  const transaction = await client.transaction("read");
  client.close();
  t.true(transaction.closed);
  await t.throwsAsync(transaction.execute("select 1"), {
    instanceOf: LibsqlError,
    code: "TRANSACTION_CLOSED",
  });
  await t.throwsAsync(transaction.commit(), { code: "TRANSACTION_CLOSED" });
  await t.notThrowsAsync(transaction.rollback());
  t.notThrows(() => transaction.close());
});

test("one transaction after another uses the client as good as new", async (t) => {
  const client = await clientWithTable(t);
  for (let turn = 0; turn < 30; turn++) {
    const transaction = await client.transaction("write");
    await transaction.execute({ sql: "insert into t values (?)", args: [turn] });
    await transaction.commit();
  }
  t.is(await selectValue(client, "select count(*) from t"), 30);
});
