/** How many transactions and calls a client takes at once, and what it tells of them. */
import test from "ava";
import { createClient, type LocalClient } from "latchdb";
import { openClient, openUrl, selectValue, temporaryDatabase } from "../support/database.mjs";
import { elapsed } from "../support/elapsed.mjs";

const insert = "insert into t values (1)";

test("a transaction beyond `concurrency` waits for `acquireTimeout`, and its error tells of the others", async (t) => {
  const { url } = await temporaryDatabase(t);
  const client = createClient({ url, concurrency: 2, acquireTimeout: 300, timeout: 60_000 });
  t.teardown(() => client.close());
  const open = [await client.transaction("deferred"), await client.transaction("deferred")];
  const messages: string[] = [];
  const refused = async (): Promise<void> => {
    const error = await t.throwsAsync(client.transaction("deferred"), {
      code: "TRANSACTION_ACTIVE",
    });
    messages.push(error?.message ?? "");
  };
  const ms = await elapsed(() => Promise.all([refused(), refused()]));
  t.true(ms >= 290 && ms < 3000, `${ms} ms`);
  t.regex(
    messages[0] ?? "",
    /All 2 connections for transactions are in use: 2 transactions are open, the longest idle for \d+ ms, and 2 wait to begin\./,
  );
  for (const transaction of open) await transaction.rollback();
  await (await client.transaction("deferred")).rollback();
});

test("plain calls do not wait for the number of open transactions", async (t) => {
  const client = await openClient(t, { concurrency: 3 });
  await client.executeMultiple("pragma journal_mode = wal; create table t (a)");
  const open = await Promise.all([1, 2, 3].map(() => client.transaction("read")));
  const waiting = client.transaction("write");
  t.is(await selectValue(client, "select count(*) from t"), 0);
  await client.execute(insert);
  await client.batch([insert]);
  t.is(client.stats().transactions.open, 3);
  await open[0]?.rollback();
  await (await waiting).rollback();
  t.is(await selectValue(client, "select count(*) from t"), 2);
  for (const transaction of open) transaction.close();
});

test("a transaction that waits for its turn to write holds no connection", async (t) => {
  const client = await openClient(t, { timeout: 60_000 });
  await client.execute("create table t (a)");
  const first = await client.transaction("write");
  await first.execute(insert);
  const { open } = client.stats().connections;
  const waiting = Array.from({ length: 10 }, () => client.transaction("write"));
  t.is(await selectValue(client, "select count(*) from t"), 0);
  // By then each has come to its lane.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { connections } = client.stats();
  t.is(connections.open - connections.readers, open);
  await first.commit();
  for (const begun of waiting) {
    const transaction = await begun;
    await transaction.execute(insert);
    await transaction.commit();
  }
  t.is(await selectValue(client, "select count(*) from t"), 11);
});

test("a call beyond `maxQueue` is refused, and one of a transaction is not", async (t) => {
  const { url } = await temporaryDatabase(t);
  const client = createClient({ url, maxQueue: 5 });
  t.teardown(() => client.close());
  await client.execute("create table t (a)");
  const transaction = await client.transaction("write");
  const writes = Array.from({ length: 5 }, () => client.execute(insert));
  const full = { code: "QUEUE_FULL", message: /as many unanswered calls as `maxQueue` allows: 5/ };
  await t.throwsAsync(client.execute(insert), full);
  await t.throwsAsync(client.batch([insert]), full);
  await t.throwsAsync(client.transaction("write"), full);
  await transaction.execute(insert);
  await transaction.commit();
  await Promise.all(writes);
  t.is(await selectValue(client, "select count(*) from t"), 6);
});

test("10,000 calls of 1,000 callers are all answered, each caller's in their order", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("pragma journal_mode = wal; pragma synchronous = normal");
  await client.execute("create table t (id integer primary key, caller, n)");
  const caller = async (number: number): Promise<void> => {
    for (let n = 0; n < 10; n++) {
      const args = [number, n];
      if ((number + n) % 5 === 0) {
        await client.execute({ sql: "insert into t (caller, n) values (?, ?)", args });
      } else {
        const sql = "select count(*) from t where id = ?";
        t.true([0, 1].includes(Number(await selectValue(client, { sql, args: [n] }))));
      }
    }
  };
  await Promise.all(Array.from({ length: 1000 }, (_, number) => caller(number)));
  t.is(await selectValue(client, "select count(*) from t"), 2000);
  const wrong =
    "select count(*) from t a join t b on a.caller = b.caller and a.n < b.n and a.id > b.id";
  t.is(await selectValue(client, wrong), 0);
});

test("stats tells what is open, what waits, and how statements were found", async (t) => {
  const client = await openClient(t, { timeout: 60_000 });
  await client.execute("create table t (a)");
  const transaction = await client.transaction("write");
  const write = client.execute(insert);
  const { pending, connections, transactions } = client.stats();
  t.is(pending.waiting + pending.running, 1);
  t.deepEqual(transactions, { open: 1, idle: 1 });
  t.is(connections.open, 2);
  t.is(connections.readers, 0);
  await transaction.commit();
  await write;
  const before = client.stats().statements;
  for (let n = 0; n < 5; n++) await client.execute("select * from t");
  const { hits, misses } = client.stats().statements;
  t.deepEqual([hits - before.hits, misses - before.misses], [4, 1]);
  client.close();
  t.deepEqual(client.stats().connections, { open: 0, readers: 0 });
});

test("options that limit are checked", (t) => {
  const open = (options: object): LocalClient => openUrl(t, ":memory:", options);
  t.throws(() => open({ maxQueue: 0 }), { instanceOf: RangeError, message: /maxQueue/ });
  t.throws(() => open({ maxQueue: "1" }), { instanceOf: TypeError, message: /maxQueue/ });
  t.throws(() => open({ readers: 1.5 }), { instanceOf: RangeError, message: /readers/ });
  t.throws(() => open({ acquireTimeout: NaN }), {
    instanceOf: RangeError,
    message: /acquireTimeout/,
  });
  t.notThrows(() => open({ maxQueue: Infinity, readers: 0, acquireTimeout: 5 }));
});
