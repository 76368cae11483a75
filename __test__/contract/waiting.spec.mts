import test from "ava";
import { LibsqlError } from "latchdb";
import { elapsed } from "../support/elapsed.mjs";
import { openClient, selectValue, temporaryDatabase } from "../support/database.mjs";

// Serial: these tests measure time.

test.serial("100 write batches at once on one client all succeed with no timeout", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      client.batch(
        [
          { sql: "insert into t values (?)", args: [index] },
          { sql: "insert into t values (?)", args: [index] },
        ],
        "write",
      ),
    ),
  );
  t.is(await selectValue(client, "select count(*) from t"), 200);
  t.is(await selectValue(client, "select count(distinct a) from t"), 100);
});

test.serial("a conflict of two clients is SQLITE_BUSY at once with no timeout", async (t) => {
  const database = await temporaryDatabase(t);
  const holder = database.open();
  const other = database.open();
  await holder.execute("create table t (a)");
  const transaction = await holder.transaction("write");
  const busy = { instanceOf: LibsqlError, code: "SQLITE_BUSY" };
  const waited = await elapsed(async () => {
    await t.throwsAsync(other.execute("insert into t values (1)"), busy);
    await t.throwsAsync(other.transaction("write"), busy);
    await t.throwsAsync(other.batch(["insert into t values (1)"], "write"), busy);
  });
  t.true(waited < 2500, `${waited} ms`);
  await transaction.rollback();
});

test.serial("a conflict of two clients waits as long as the timeout says", async (t) => {
  const database = await temporaryDatabase(t);
  const holder = database.open();
  const other = database.open({ timeout: 500 });
  await holder.execute("create table t (a)");
  const transaction = await holder.transaction("write");
  const waited = await elapsed(async () => {
    await t.throwsAsync(other.execute("insert into t values (1)"), {
      instanceOf: LibsqlError,
      code: "SQLITE_BUSY",
    });
  });
  t.true(waited >= 450 && waited < 5000, `${waited} ms`);
  await transaction.rollback();
});

test.serial("the timeout counts for transactions too", async (t) => {
  const database = await temporaryDatabase(t);
  const holder = database.open();
  const other = database.open({ timeout: 500 });
  const transaction = await holder.transaction("write");
  const waited = await elapsed(async () => {
    await t.throwsAsync(other.transaction("write"), { code: "SQLITE_BUSY" });
  });
  t.true(waited >= 450 && waited < 5000, `${waited} ms`);
  await transaction.rollback();
});

test.serial("a writer of one database does not hold up that of another", async (t) => {
  const holder = await openClient(t);
  const other = await openClient(t);
  await other.execute("create table t (a)");
  const transaction = await holder.transaction("write");
  await other.execute("insert into t values (1)");
  t.is(await selectValue(other, "select count(*) from t"), 1);
  await transaction.rollback();
});
