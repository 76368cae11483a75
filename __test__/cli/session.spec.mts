// The transactions that statements of a shell begin and end.
import test from "ava";
import { openClient, selectValue } from "../support/database.mjs";
import { Session } from "./modules.mjs";

test("BEGIN, COMMIT and ROLLBACK in their forms", async (t) => {
  const client = await openClient(t, { intMode: "bigint" });
  const session = new Session(client);
  await session.run("CREATE TABLE t (a)");
  let count = 0n;
  for (const [begin, end, keeps] of [
    ["BEGIN", "COMMIT", true],
    ["begin immediate transaction;", "END TRANSACTION;", true],
    ["-- first\n/* a */ BEGIN EXCLUSIVE /* b */ ; ", "rollback -- no\n", false],
    ["BEGIN DEFERRED", "ROLLBACK TRANSACTION", false],
    ["SAVEPOINT one", "RELEASE one", true],
    ['SAVEPOINT "A b"', 'RELEASE SAVEPOINT "a B"', true],
    ["SAVEPOINT one", "ROLLBACK", false],
  ] as const) {
    await session.run(begin);
    t.true(session.inTransaction, begin);
    await session.run("INSERT INTO t VALUES (1)");
    await session.run("SAVEPOINT inner");
    await session.run("ROLLBACK TO inner");
    await session.run("RELEASE inner");
    t.true(session.inTransaction, begin);
    await session.run(end);
    t.false(session.inTransaction, end);
    if (keeps) count += 1n;
    t.is(await selectValue(client, "SELECT count(*) FROM t"), count, `${begin} … ${end}`);
  }
});

test("a statement that rolls back ends the transaction", async (t) => {
  const session = new Session(await openClient(t));
  await session.run("CREATE TABLE t (a UNIQUE)");
  await session.run("BEGIN");
  await session.run("INSERT INTO t VALUES (1)");
  await t.throwsAsync(session.run("INSERT OR ROLLBACK INTO t VALUES (1)"));
  t.false(session.inTransaction);
  t.deepEqual((await session.run("SELECT * FROM t")).rows, []);
  t.false(await session.end());
});

test("a transaction is rolled back at the end", async (t) => {
  const client = await openClient(t);
  const session = new Session(client);
  await session.run("CREATE TABLE t (a)");
  await session.run("BEGIN");
  await session.run("INSERT INTO t VALUES (1)");
  t.true(await session.end());
  t.is(await selectValue(client, "SELECT count(*) FROM t"), 0);
});

test("a BEGIN that waits can be cancelled", async (t) => {
  const client = await openClient(t);
  const blocking = await client.transaction("write");
  const session = new Session(client);
  const controller = new AbortController();
  const begun = session.run("BEGIN IMMEDIATE", [], controller.signal);
  const reason = new Error("cancelled");
  controller.abort(reason);
  t.is(await t.throwsAsync(begun), reason);
  t.false(session.inTransaction);
  blocking.close();
});
