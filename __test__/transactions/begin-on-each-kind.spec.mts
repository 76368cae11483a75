import { join } from "node:path";
import test from "ava";
import { elapsed } from "../support/elapsed.mjs";
import {
  openClient,
  openUrl,
  selectColumn,
  selectValue,
  temporaryDatabase,
} from "../support/database.mjs";
import { endlessQuery, journalModes, prepare } from "../support/queries.mjs";

// BEGIN by execute() on every kind of database, and beside other clients (begin.spec has the rest).

const noTransaction = { code: "SQLITE_ERROR", message: /no transaction is active/ };

test("what runs in a BEGIN in memory is there after COMMIT and gone after ROLLBACK", async (t) => {
  const client = openUrl(t, ":memory:");
  await client.execute("create table t (a)");
  for (const [end, expected] of [
    ["rollback", []],
    ["commit", [1]],
  ] as const) {
    await client.execute("begin");
    await client.execute("insert into t values (1)");
    await client.execute(end);
    t.deepEqual(await selectColumn(client, "select a from t"), expected);
    await t.throwsAsync(client.execute(end), noTransaction);
  }
});

test("a client that is pinned by ATTACH commits and rolls back all of its databases", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("attach ? as other", [join(database.directory, "other.db")]);
  await client.executeMultiple("create table t (a); create table other.u (a)");
  const counts = "select (select count(*) from t) || ' ' || (select count(*) from other.u)";
  for (const [end, expected] of [
    ["rollback", "0 0"],
    ["commit", "1 1"],
  ] as const) {
    await client.execute("begin");
    await client.execute("insert into t values (1)");
    await client.execute("insert into other.u values (1)");
    const behind = client.batch(["select 1"], "read");
    await client.execute(end);
    await behind;
    t.is(await selectValue(client, counts), expected);
  }
});

test("a BEGIN that only reads keeps its snapshot until its end", async (t) => {
  const database = await temporaryDatabase(t);
  const [client, other] = [database.open(), database.open()];
  await prepare(client, "wal");
  await client.execute("begin");
  t.is(await selectValue(client, "select count(*) from t"), 0);
  await other.execute("insert into t values (1)");
  t.is(await selectValue(client, "select count(*) from t"), 0);
  await client.execute("end");
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

for (const mode of journalModes) {
  test(`an aborted SELECT leaves a BEGIN open, and what was written in it (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    await client.execute("begin");
    await client.execute("insert into t values (1)");
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const read = client.execute({ sql: endlessQuery, signal: controller.signal });
    const timer = setTimeout(() => controller.abort(reason), 20);
    t.teardown(() => clearTimeout(timer));
    await t.throwsAsync(read, { is: reason });
    await client.execute("insert into t values (2)");
    await client.execute("commit");
    t.deepEqual(await selectColumn(client, "select a from t"), [1, 2]);
  });

  // Serial: it measures time.
  test.serial(
    `another client waits for a BEGIN as long as its timeout says (${mode})`,
    async (t) => {
      const database = await temporaryDatabase(t);
      const [client, other] = [database.open(), database.open({ timeout: 500 })];
      await prepare(client, mode);
      await client.execute("begin immediate");
      const waited = await elapsed(async () => {
        await t.throwsAsync(other.execute("insert into t values (1)"), { code: "SQLITE_BUSY" });
      });
      t.true(waited >= 450 && waited < 5000, `${waited} ms`);
      await client.execute("rollback");
      await other.execute("insert into t values (2)");
      t.deepEqual(await selectColumn(client, "select a from t"), [2]);
    },
  );
}

test("savepoints that are not there fail and leave the transaction open", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  await client.execute("begin");
  await client.execute("insert into t values (1)");
  for (const sql of ["release s", "rollback to s"]) {
    await t.throwsAsync(client.execute(sql), {
      code: "SQLITE_ERROR",
      message: /no such savepoint: s/,
    });
  }
  await client.execute("commit");
  t.deepEqual(await selectColumn(client, "select a from t"), [1]);
});

test("a script in a BEGIN that fails leaves it open, with the statements before the failure", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  await client.execute("begin");
  await t.throwsAsync(client.executeMultiple("insert into t values (1); garbage"), {
    code: "SQLITE_ERROR",
  });
  await client.execute("insert into t values (2)");
  await client.execute("commit");
  t.deepEqual(await selectColumn(client, "select a from t"), [1, 2]);
});

test("foreign keys that are deferred are checked by COMMIT, which leaves the transaction open", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple(`
    create table p (id integer primary key);
    create table c (p references p (id) deferrable initially deferred);
  `);
  await client.execute("begin");
  await client.execute("insert into c values (1)");
  // https://sqlite.org/foreignkeys.html#fk_deferred
  await t.throwsAsync(client.execute("commit"), { code: "SQLITE_CONSTRAINT" });
  await client.execute("insert into p values (1)");
  await client.execute("commit");
  await t.throwsAsync(client.execute("commit"), noTransaction);
  t.is(await selectValue(client, "select count(*) from c"), 1);
});
