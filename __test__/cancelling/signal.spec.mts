import test from "ava";
import { openClient, selectValue } from "../support/database.mjs";

// Takes seconds where nobody stops it, and ends all the same.
const longQuery = `
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000000)
  select count(*) from n
`;

test("a signal that is aborted already keeps the statement from running", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  const reason = new Error("changed my mind");
  await t.throwsAsync(
    client.execute({ sql: "insert into t values (1)", signal: AbortSignal.abort(reason) }),
    { is: reason },
  );
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("a signal that is aborted stops a running query, and the client goes on", async (t) => {
  const client = await openClient(t);
  const controller = new AbortController();
  const reason = new Error("took too long");
  const timer = setTimeout(() => controller.abort(reason), 50);
  t.teardown(() => clearTimeout(timer));
  await t.throwsAsync(client.execute({ sql: longQuery, signal: controller.signal }), {
    is: reason,
  });
  t.is(await selectValue(client, "select 1"), 1);
});

test("a signal stops its own query and not the one called after it", async (t) => {
  const client = await openClient(t);
  const controller = new AbortController();
  const reason = new Error("took too long");
  const timer = setTimeout(() => controller.abort(reason), 50);
  t.teardown(() => clearTimeout(timer));
  const stopped = t.throwsAsync(client.execute({ sql: longQuery, signal: controller.signal }), {
    is: reason,
  });
  const next = selectValue(client, "select 1");
  await stopped;
  t.is(await next, 1);
});

test("a signal takes a call out of the queue", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  const transaction = await client.transaction("write");
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  const queued = t.throwsAsync(
    client.execute({ sql: "insert into t values (1)", signal: controller.signal }),
    { is: reason },
  );
  const behind = t.notThrowsAsync(client.execute("insert into t values (2)"));
  controller.abort(reason);
  await queued;
  await transaction.commit();
  await behind;
  t.is(await selectValue(client, "select group_concat(a) from t"), "2");
});

test("a signal that is aborted after the answer changes nothing", async (t) => {
  const client = await openClient(t);
  const controller = new AbortController();
  const { rows } = await client.execute({ sql: "select 1 as a", signal: controller.signal });
  controller.abort(new Error("too late"));
  t.deepEqual({ ...rows[0] }, { a: 1 });
  t.is(await selectValue(client, "select 2"), 2);
});
