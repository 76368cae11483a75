import test from "ava";
import { openClient, selectColumn, selectValue } from "../support/database.mjs";

// The transaction that execute("BEGIN") begins, and the calls that wait for its end.

test("calls that wait for an idle explicit transaction are patient from their own beginning, not one after the other", async (t) => {
  const patience = 500;
  const client = await openClient(t, { timeout: patience });
  await client.execute("create table t(a)");
  await client.execute("begin");
  const began = performance.now();
  const calls = Array.from({ length: 30 }, () => client.batch(["insert into t values (1)"]));
  const ends = await Promise.allSettled(calls);
  const took = performance.now() - began;
  t.deepEqual(new Set(ends.map(({ status }) => status)), new Set(["rejected"]));
  t.true(took >= patience - 5, `${took} ms`);
  // One after the other they would take 30 times as long.
  t.true(took < 10 * patience, `${took} ms`);
  await client.execute("commit");
  t.deepEqual(await selectColumn(client, "select a from t"), []);
});

test("a batch behind a suspension that gave up is as patient with an explicit transaction as others", async (t) => {
  const client = await openClient(t, { timeout: 200 });
  await client.execute("create table t(a)");
  await client.execute("begin");
  const build = (): never => t.fail() as never;
  const swap = t.throwsAsync(client.replaceDatabase({ build, timeoutMs: 100 }), {
    code: "TRANSACTION_ACTIVE",
  });
  const batch = t.throwsAsync(client.batch(["insert into t values (1)"]), { code: "SQLITE_BUSY" });
  await Promise.all([swap, batch]);
  await client.execute("commit");
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("what ends an explicit transaction is not refused while its BEGIN waits, and a transaction() behind it", async (t) => {
  const client = await openClient(t, { concurrency: 1 });
  await client.execute("create table t(a)");
  // It is written over several turns of the event loop; until then nothing goes to the main lane.
  const insert = "insert into t values (1)";
  const long = client.batch(Array.from({ length: 20_000 }, () => insert));
  const begun = client.execute("begin");
  const transaction = client.transaction("write");
  const rest = [client.execute("insert into t values (2)"), client.execute("commit")];
  await Promise.all([long, begun, ...rest]);
  await (await transaction).commit();
  t.is(await selectValue(client, "select sum(a) from t"), 20_002);
});
