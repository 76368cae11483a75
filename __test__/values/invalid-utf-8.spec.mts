import test from "ava";
import { openClient, selectColumn, selectRow, selectValue } from "../support/database.mjs";

test("TEXT that is not valid UTF-8 comes back with replacement characters", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, "select cast(x'ff41' as text)"), "\ufffdA");
});

test("TEXT that is not valid UTF-8 leaves its neighbours alone", async (t) => {
  const client = await openClient(t);
  const row = await selectRow(client, "select 'a' as a, cast(x'c3' as text) as b, 'c' as c");
  t.deepEqual({ ...row }, { a: "a", b: "\ufffd", c: "c" });
});

test("TEXT that is not valid UTF-8 can be stored and read again", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple(
    "create table t (a text); insert into t values (cast(x'ff' as text)), ('good')",
  );
  t.deepEqual(await selectColumn(client, "select a from t"), ["\ufffd", "good"]);
});
