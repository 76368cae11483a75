import test from "ava";
import { openClient, selectColumn, selectValue } from "../support/database.mjs";

test("migrate takes tuples, with and without arguments", async (t) => {
  const client = await openClient(t);
  const resultSets = await client.migrate([
    ["create table t (a)"],
    ["insert into t values (?)", [1]],
    ["insert into t values (:a)", { a: 2 }],
  ]);
  t.is(resultSets.length, 3);
  t.deepEqual(await selectColumn(client, "select a from t"), [1, 2]);
});

test("foreign keys that were off stay off after a migration", async (t) => {
  const client = await openClient(t);
  await client.execute("pragma foreign_keys = off");
  await client.migrate(["create table t (a)"]);
  t.is(await selectValue(client, "pragma foreign_keys"), 0);
});

test("foreign keys that were off stay off after a migration that failed", async (t) => {
  const client = await openClient(t);
  await client.execute("pragma foreign_keys = off");
  await t.throwsAsync(client.migrate(["garbage"]), { code: "SQLITE_ERROR" });
  t.is(await selectValue(client, "pragma foreign_keys"), 0);
});
