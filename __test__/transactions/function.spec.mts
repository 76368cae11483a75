/** `transaction(fn)`: what is committed, what is rolled back, and that nothing stays open. */
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import type { LatchTransaction, LocalClient, TransactionOptions } from "latchdb";
import { openClient, selectColumn, temporaryDatabase } from "../support/database.mjs";
import { lockElsewhere } from "../support/processes.mjs";
import { unchecked } from "../support/unchecked.mjs";

async function clientWithTable(t: ExecutionContext): Promise<LocalClient> {
  const client = await openClient(t, { timeout: 60_000 });
  await client.execute("create table t (a integer primary key)");
  return client;
}

const values = (client: LocalClient): Promise<unknown[]> =>
  selectColumn(client, "select a from t order by a");
const insert = (tx: LatchTransaction, a: number): Promise<unknown> =>
  tx.execute("insert into t values (?)", [a]);
const enough = new Error("enough");
const never = new Promise<never>(() => undefined);

/** No transaction is open, and another connection may write. */
async function nothingIsOpen(t: ExecutionContext, client: LocalClient): Promise<void> {
  t.is(client.stats().transactions.open, 0);
  await client.transaction((tx) => insert(tx, 1000));
  await client.execute("delete from t where a = 1000");
}

test("what the function has done is committed, and its value is the promise's", async (t) => {
  const client = await clientWithTable(t);
  const value = await client.transaction(async (tx) => {
    t.is(tx.constructor.name, (await client.transaction("read")).constructor.name);
    await insert(tx, 1);
    await tx.batch(["insert into t values (2)", "insert into t values (3)"]);
    return "done";
  });
  t.is(value, "done");
  t.deepEqual(await values(client), [1, 2, 3]);
});

test("calls that the function does not await are part of the transaction", async (t) => {
  const client = await clientWithTable(t);
  await client.transaction(async (tx) => {
    for (let a = 0; a < 50; a++) void insert(tx, a);
  });
  t.is((await values(client)).length, 50);
});

test("where the function throws, nothing is left, and its error is the promise's", async (t) => {
  const client = await clientWithTable(t);
  const thrown = new Error("no");
  const rejected = async (tx: LatchTransaction): Promise<void> => {
    await insert(tx, 1);
    throw thrown;
  };
  t.is(await t.throwsAsync(client.transaction(rejected)), thrown);
  const throwsAtOnce = (): Promise<void> => {
    throw thrown;
  };
  t.is(await t.throwsAsync(client.transaction(throwsAtOnce)), thrown);
  await t.throwsAsync(
    client.transaction(async (tx) => {
      await insert(tx, 1);
      await insert(tx, 1);
    }),
    { message: /UNIQUE/ },
  );
  t.deepEqual(await values(client), []);
  await nothingIsOpen(t, client);
});

test("what a function throws need not be an error", async (t) => {
  const client = await clientWithTable(t);
  // eslint-disable-next-line prefer-promise-reject-errors
  const rejects = (): Promise<void> => Promise.reject("a text");
  await client.transaction(rejects).then(
    () => t.fail(),
    (reason: unknown) => t.is(reason, "a text"),
  );
  await nothingIsOpen(t, client);
});

test("an escaped transaction is closed", async (t) => {
  const client = await clientWithTable(t);
  let escaped: LatchTransaction | undefined;
  await client.transaction(async (tx) => void (escaped = tx));
  t.true(escaped?.closed);
  await t.throwsAsync(async () => escaped?.execute("select 1"), { code: "TRANSACTION_CLOSED" });
  await t.throwsAsync(async () => escaped?.transaction(async () => 1), {
    code: "TRANSACTION_CLOSED",
  });
});

test("a COMMIT that fails leaves nothing, and nothing open", async (t) => {
  const client = await clientWithTable(t);
  await client.executeMultiple(
    "create table child (a references t (a) deferrable initially deferred)",
  );
  const fails = client.transaction(async (tx) => {
    await tx.execute("insert into child values (7)");
    return "not committed";
  });
  await t.throwsAsync(fails, { code: "SQLITE_CONSTRAINT", message: /FOREIGN KEY/ });
  t.deepEqual(await selectColumn(client, "select a from child"), []);
  await nothingIsOpen(t, client);
});

test("a function may commit itself, awaited or not", async (t) => {
  const client = await clientWithTable(t);
  const value = await client.transaction(async (tx) => {
    await insert(tx, 1);
    await tx.commit();
    return 1;
  });
  t.is(value, 1);
  await client.transaction(async (tx) => {
    await insert(tx, 2);
    void tx.commit();
  });
  t.deepEqual(await values(client), [1, 2]);
});

test("a function may roll back itself, and the promise has its value", async (t) => {
  const client = await clientWithTable(t);
  const value = await client.transaction(async (tx) => {
    await insert(tx, 1);
    await tx.rollback();
    return "declined";
  });
  t.is(value, "declined");
  t.deepEqual(await values(client), []);
});

test("a COMMIT that the function has called, and that fails, is the promise's error", async (t) => {
  const client = await clientWithTable(t);
  await client.execute("create table child (a references t (a) deferrable initially deferred)");
  const fails = client.transaction(async (tx) => {
    await tx.execute("insert into child values (7)");
    tx.commit().catch(() => undefined);
  });
  await t.throwsAsync(fails, { code: "SQLITE_CONSTRAINT" });
});

test("a function that closes its transaction, or ends it by SQL, has not committed", async (t) => {
  const client = await clientWithTable(t);
  const closes = client.transaction(async (tx) => {
    await insert(tx, 1);
    tx.close();
  });
  await t.throwsAsync(closes, { code: "TRANSACTION_CLOSED" });
  const ends = client.transaction(async (tx) => {
    await insert(tx, 1);
    await tx.execute("rollback");
  });
  await t.throwsAsync(ends, { code: "TRANSACTION_CLOSED" });
  t.deepEqual(await values(client), []);
  await nothingIsOpen(t, client);
});

test("an abort rolls back and rejects at once, even where the function never ends", async (t) => {
  const client = await clientWithTable(t);
  const controller = new AbortController();
  const reason = new Error("enough");
  let escaped: LatchTransaction | undefined;
  const running = client.transaction(
    async (tx) => {
      escaped = tx;
      await insert(tx, 1);
      setImmediate(() => controller.abort(reason));
      return await never;
    },
    { signal: controller.signal },
  );
  t.is(await t.throwsAsync(running), reason);
  await t.throwsAsync(async () => escaped?.execute("select 1"), { code: "TRANSACTION_CLOSED" });
  t.deepEqual(await values(client), []);
  await nothingIsOpen(t, client);
});

test("an abort ends a statement that runs", async (t) => {
  const client = await clientWithTable(t);
  const controller = new AbortController();
  const running = client.transaction(
    async (tx) => {
      setImmediate(() => controller.abort(enough));
      await tx.execute(
        "with recursive c (n) as (select 1 union all select n + 1 from c) select sum(n) from c",
      );
    },
    { signal: controller.signal },
  );
  await t.throwsAsync(running, { is: enough });
  await nothingIsOpen(t, client);
});

test("an abort before, or behind the function, has no transaction, or no effect", async (t) => {
  const client = await clientWithTable(t);
  const aborted = client.transaction(async () => t.fail("the function runs"), {
    signal: AbortSignal.abort(enough),
  });
  await t.throwsAsync(aborted, { is: enough });
  const controller = new AbortController();
  await client.transaction((tx) => insert(tx, 1), controller);
  controller.abort(enough);
  t.deepEqual(await values(client), [1]);
});

test("the closing of the client rejects at once", async (t) => {
  for (const close of [
    (client: LocalClient): unknown => client.close(),
    (client: LocalClient): unknown => client.shutdown({ drain: true }),
    (client: LocalClient): unknown => client.reconnect(),
  ]) {
    const client = await clientWithTable(t);
    let began: () => void = () => undefined;
    const hasBegun = new Promise<void>((resolve) => (began = resolve));
    const running = client.transaction(async (tx) => {
      await insert(tx, 1);
      began();
      return await never;
    });
    await hasBegun;
    const closed = t.throwsAsync(running, { code: "CLIENT_CLOSED" });
    await close(client);
    await closed;
    if (client.closed) await client.reconnect();
    t.deepEqual(await values(client), []);
  }
});

test("options that are wrong are refused before anything is done", async (t) => {
  const client = await clientWithTable(t);
  const run = (options: unknown): Promise<unknown> =>
    client.transaction(async () => t.fail(), unchecked<TransactionOptions>(options));
  await t.throwsAsync(run("write"), { instanceOf: TypeError });
  await t.throwsAsync(run({ mode: "exclusive" }), { instanceOf: RangeError });
  await t.throwsAsync(run({ retries: "3" }), { instanceOf: TypeError });
  await t.throwsAsync(run({ retries: -1 }), { instanceOf: RangeError });
  await t.throwsAsync(run({ retries: 1.5 }), { instanceOf: RangeError });
  await t.throwsAsync(run({ signal: {} }), { instanceOf: TypeError });
});

test("mode read does not write", async (t) => {
  const client = await clientWithTable(t);
  const writes = client.transaction((tx) => insert(tx, 1), { mode: "read" });
  await t.throwsAsync(writes, { code: "SQLITE_READONLY" });
});

test("a function runs again after SQLITE_BUSY of another process, as often as is said", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a integer primary key)");
  const lock = await lockElsewhere(t, file, "write");
  let runs = 0;
  const once = client.transaction(async (tx) => {
    runs++;
    await tx.execute("select count(*) from t");
    await insert(tx, 1);
  });
  await t.throwsAsync(once, { code: "SQLITE_BUSY" });
  t.is(runs, 0, "BEGIN IMMEDIATE fails");
  const deferred = (retries: number): Promise<void> =>
    client.transaction(
      async (tx) => {
        runs++;
        await tx.execute("select count(*) from t");
        await insert(tx, 1);
      },
      { mode: "deferred", retries },
    );
  await t.throwsAsync(deferred(3), { code: "SQLITE_BUSY" });
  t.is(runs, 4);
  runs = 0;
  let released: Promise<void> | undefined;
  await client.transaction(
    async (tx) => {
      runs++;
      if (runs === 3) released = lock.release();
      await released;
      await insert(tx, runs);
    },
    { mode: "deferred", retries: 5 },
  );
  t.is(runs, 3);
  t.deepEqual(await values(client), [3]);
});

test("an abort ends the repetitions", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a integer primary key)");
  await lockElsewhere(t, file, "write");
  const controller = new AbortController();
  const running = client.transaction((tx) => insert(tx, 1), {
    retries: Infinity,
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(enough), 30);
  await t.throwsAsync(running, { is: enough });
  const closing = client.transaction((tx) => insert(tx, 1), { retries: Infinity });
  setTimeout(() => client.close(), 30);
  await t.throwsAsync(closing, { code: "CLIENT_CLOSED" });
});

test("a function does not run again for another error, or for a lock of this process", async (t) => {
  const { url, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a integer primary key)");
  let runs = 0;
  const fails = client.transaction(
    async (tx) => {
      runs++;
      await insert(tx, 1);
      await insert(tx, 1);
    },
    { retries: 5 },
  );
  await t.throwsAsync(fails, { code: "SQLITE_CONSTRAINT" });
  t.is(runs, 1);
  const other = createClient({ url });
  t.teardown(() => other.close());
  const holder = await other.transaction("write");
  runs = 0;
  const busy = client.transaction(
    async (tx) => {
      runs++;
      await insert(tx, 1);
    },
    { mode: "deferred", retries: 5 },
  );
  await t.throwsAsync(busy, { code: "SQLITE_BUSY", message: /of this process/ });
  t.is(runs, 1);
  await holder.rollback();
});

test("a function that has committed does not run again", async (t) => {
  const client = await clientWithTable(t);
  let runs = 0;
  const busy = Object.assign(await errorOfLock(t), {});
  const fails = client.transaction(
    async (tx) => {
      runs++;
      await insert(tx, runs);
      await tx.commit();
      throw busy;
    },
    { retries: 5 },
  );
  t.is(await t.throwsAsync(fails), busy);
  t.is(runs, 1);
  const again = client.transaction(
    async (tx) => {
      runs++;
      await insert(tx, runs);
      if (runs < 3) throw new Error("of a library", { cause: busy });
    },
    { retries: 5 },
  );
  await again;
  t.deepEqual(await values(client), [1, 3]);
});

/** A real SQLITE_BUSY of another process. */
async function errorOfLock(t: ExecutionContext): Promise<Error> {
  const { file, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a)");
  const lock = await lockElsewhere(t, file, "write");
  const error = await t.throwsAsync(client.execute("insert into t values (1)"));
  await lock.release();
  return error;
}

test("in memory they take turns, and one that waits for itself is refused", async (t) => {
  const client = createClient({ url: ":memory:" });
  t.teardown(() => client.close());
  await client.execute("create table t (a integer primary key)");
  const results = await Promise.all(
    [1, 2, 3].map((a) =>
      client.transaction(async (tx) => {
        await insert(tx, a);
        await sleep(2);
        return (await tx.get("select count(*) as n from t"))?.["n"];
      }),
    ),
  );
  t.deepEqual(results, [1, 2, 3]);
  const impatient = createClient({ url: ":memory:", acquireTimeout: 20 });
  t.teardown(() => impatient.close());
  await impatient.transaction(async () => {
    const inner = impatient.transaction(async () => t.fail());
    await t.throwsAsync(inner, { code: "TRANSACTION_ACTIVE" });
  });
});

test("many at once: each is whole", async (t) => {
  const client = await clientWithTable(t);
  await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      client
        .transaction(async (tx) => {
          await insert(tx, 2 * i);
          if (i % 7 === 0) await sleep(1);
          await insert(tx, 2 * i + 1);
          if (i % 3 === 0) throw new Error("undone");
        })
        .catch(() => undefined),
    ),
  );
  const left = (await values(client)) as number[];
  t.is(left.length, 80);
  t.true(left.every((a) => Math.floor(a / 2) % 3 !== 0));
});
