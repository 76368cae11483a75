/** `transaction(fn)` of a transaction: savepoints. */
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import type { ExecutionContext } from "ava";
import type { LatchTransaction, LocalClient } from "latchdb";
import { openClient, selectColumn } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

async function clientWithTable(t: ExecutionContext, options = {}): Promise<LocalClient> {
  const client = await openClient(t, options);
  await client.execute("create table t (a integer primary key)");
  return client;
}

const values = (client: LocalClient): Promise<unknown[]> =>
  selectColumn(client, "select a from t order by a");
const insert = (tx: LatchTransaction, a: number): Promise<unknown> =>
  tx.execute("insert into t values (?)", [a]);
const undone = new Error("undone");
async function insertAndThrow(tx: LatchTransaction, a: number): Promise<never> {
  await insert(tx, a);
  throw undone;
}

for (const form of ["fn", "handle"]) {
  const run = async (
    client: LocalClient,
    fn: (tx: LatchTransaction) => Promise<void>,
  ): Promise<void> => {
    if (form === "fn") return await client.transaction(fn);
    const tx = await client.transaction("write");
    await fn(tx);
    await tx.commit();
  };

  test(`an inner one is kept or undone, and the outer one goes on (${form})`, async (t) => {
    const client = await clientWithTable(t);
    await run(client, async (tx) => {
      await insert(tx, 1);
      t.is(await tx.transaction(async (inner) => (await insert(inner, 2), "value")), "value");
      t.is(await t.throwsAsync(tx.transaction((inner) => insertAndThrow(inner, 3))), undone);
      await insert(tx, 4);
    });
    t.deepEqual(await values(client), [1, 2, 4]);
  });

  test(`they nest to any depth (${form})`, async (t) => {
    const client = await clientWithTable(t);
    await run(client, async (tx) => {
      await tx.transaction(async (one) => {
        await insert(one, 1);
        await t.throwsAsync(
          one.transaction(async (two) => {
            await insert(two, 2);
            await two.transaction((three) => insert(three, 3));
            throw undone;
          }),
        );
        await one.transaction((two) => two.transaction((three) => insert(three, 4)));
      });
    });
    t.deepEqual(await values(client), [1, 4]);
  });

  test(`siblings take turns (${form})`, async (t) => {
    const client = await clientWithTable(t);
    await run(client, async (tx) => {
      const settled = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) =>
          tx.transaction(async (inner) => {
            await insert(inner, 2 * i);
            await sleep(1);
            await insert(inner, 2 * i + 1);
            if (i % 2 === 1) throw undone;
          }),
        ),
      );
      t.is(settled.filter(({ status }) => status === "fulfilled").length, 10);
    });
    const left = (await values(client)) as number[];
    t.is(left.length, 20);
    t.true(left.every((a) => Math.floor(a / 2) % 2 === 0));
  });
}

test("where the outer one is rolled back, inner ones are, too", async (t) => {
  const client = await clientWithTable(t);
  await t.throwsAsync(
    client.transaction(async (tx) => {
      await tx.transaction((inner) => insert(inner, 1));
      throw undone;
    }),
  );
  t.deepEqual(await values(client), []);
});

test("calls of the outer one are part of the open savepoint", async (t) => {
  const client = await clientWithTable(t);
  await client.transaction(async (tx) => {
    await t.throwsAsync(
      tx.transaction(async () => {
        await insert(tx, 1);
        throw undone;
      }),
    );
    await insert(tx, 2);
  });
  t.deepEqual(await values(client), [2]);
});

test("an escaped inner one is closed", async (t) => {
  const client = await clientWithTable(t);
  await client.transaction(async (tx) => {
    let escaped: LatchTransaction | undefined;
    await tx.transaction(async (inner) => void (escaped = inner));
    t.true(escaped?.closed);
    const calls = [
      escaped?.execute("select 1"),
      escaped?.get("select 1"),
      escaped?.batch(["select 1"]),
      escaped?.executeMultiple("select 1"),
      escaped?.transaction(async () => 1),
      escaped?.commit(),
    ];
    for (const call of calls) await t.throwsAsync(async () => call, { code: "TRANSACTION_CLOSED" });
    await escaped?.rollback();
    escaped?.close();
    await insert(tx, 1);
  });
  t.deepEqual(await values(client), [1]);
});

test("an inner one may commit or roll back itself; one that is closed is undone", async (t) => {
  const client = await clientWithTable(t);
  await client.transaction(async (tx) => {
    await tx.transaction(async (inner) => {
      await insert(inner, 1);
      await inner.commit();
    });
    await tx.transaction(async (inner) => {
      await insert(inner, 2);
      await inner.rollback();
    });
    const closes = tx.transaction(async (inner) => {
      await insert(inner, 3);
      inner.close();
    });
    await t.throwsAsync(closes, { code: "TRANSACTION_CLOSED" });
    await insert(tx, 4);
  });
  t.deepEqual(await values(client), [1, 4]);
});

test("the outer one waits for inner ones that its function has not awaited", async (t) => {
  const client = await clientWithTable(t);
  await client.transaction(async (tx) => {
    void tx.transaction(async (inner) => {
      await insert(inner, 1);
      await sleep(5);
      await insert(inner, 2);
    });
    void tx.transaction((inner) => insertAndThrow(inner, 3)).catch(() => undefined);
  });
  t.deepEqual(await values(client), [1, 2]);
});

test("an abort undoes the inner one, and the outer one goes on", async (t) => {
  const client = await clientWithTable(t);
  await client.transaction(async (tx) => {
    await insert(tx, 1);
    const controller = new AbortController();
    const reason = new Error("enough");
    const aborted = tx.transaction(
      async (inner) => {
        await insert(inner, 2);
        setImmediate(() => controller.abort(reason));
        await new Promise(() => undefined);
      },
      { signal: controller.signal },
    );
    t.is(await t.throwsAsync(aborted), reason);
    await t.throwsAsync(
      tx.transaction(async () => t.fail(), { signal: AbortSignal.abort(reason) }),
      { is: reason },
    );
    const waits = new AbortController();
    const first = tx.transaction(() => sleep(20));
    const second = tx.transaction(async () => t.fail(), { signal: waits.signal });
    waits.abort(reason);
    t.is(await t.throwsAsync(second), reason);
    await first;
    await insert(tx, 3);
  });
  t.deepEqual(await values(client), [1, 3]);
});

test("an inner one ends with the outer one, and with the client", async (t) => {
  const client = await clientWithTable(t);
  const tx = await client.transaction("write");
  let hasBegun = (): void => undefined;
  const begun = new Promise<void>((resolve) => (hasBegun = resolve));
  const inner = tx.transaction(async () => {
    hasBegun();
    await new Promise(() => undefined);
  });
  const waiting = tx.transaction(async () => t.fail());
  await begun;
  client.close();
  await t.throwsAsync(inner, { code: "CLIENT_CLOSED" });
  await t.throwsAsync(waiting, { code: "CLIENT_CLOSED" });
});

test("an inner one in an outer one that has ended rejects", async (t) => {
  const client = await clientWithTable(t);
  const tx = await client.transaction("write");
  const inner = tx.transaction(async (nested) => {
    await insert(nested, 1);
    await tx.rollback();
  });
  const waiting = tx.transaction(async () => t.fail());
  await t.throwsAsync(waiting, { code: "TRANSACTION_CLOSED" });
  await t.throwsAsync(inner, { code: "TRANSACTION_CLOSED" });
  t.deepEqual(await values(client), []);
});

test("a savepoint that cannot be undone takes the outer one with it", async (t) => {
  const client = await clientWithTable(t);
  const running = client.transaction(async (tx) => {
    await insert(tx, 1);
    await t.throwsAsync(
      tx.transaction(async (inner) => {
        await insert(inner, 2);
        await inner.execute("release latchdb_1");
        throw undone;
      }),
      { is: undone },
    );
    t.true(tx.closed);
  });
  await t.throwsAsync(running, { code: "TRANSACTION_CLOSED" });
  t.deepEqual(await values(client), []);
});

test("an inner one that waits for a sibling that waits for it is refused", async (t) => {
  const client = await clientWithTable(t, { acquireTimeout: 50 });
  await client.transaction(async (tx) => {
    await tx.transaction(async (inner) => {
      await insert(inner, 1);
      await t.throwsAsync(
        tx.transaction(async () => t.fail()),
        { code: "TRANSACTION_ACTIVE", message: /inside of this one/ },
      );
    });
  });
  t.deepEqual(await values(client), [1]);
});

test("only a function can be nested", async (t) => {
  const client = await clientWithTable(t);
  await client.transaction(async (tx) => {
    await t.throwsAsync(tx.transaction(unchecked<() => Promise<void>>("write")), {
      instanceOf: TypeError,
      message: /"write"/,
    });
  });
});

test("in memory, too", async (t) => {
  const { createClient } = await import("latchdb");
  const client = createClient({ url: ":memory:" });
  t.teardown(() => client.close());
  await client.execute("create table t (a integer primary key)");
  await client.transaction(async (tx) => {
    await tx.transaction((inner) => insert(inner, 1));
    await t.throwsAsync(tx.transaction((inner) => insertAndThrow(inner, 2)));
  });
  t.deepEqual(await values(client), [1]);
});
