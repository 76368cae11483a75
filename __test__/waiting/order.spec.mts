import test from "ava";
import type { LocalClient } from "latchdb";
import { openClient, selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { journalModes, prepare } from "../support/queries.mjs";

// No client here has a timeout: none of these waits may depend on one.

function insert(value: number | string): { sql: string; args: Array<number | string> } {
  return { sql: "insert into t values (?)", args: [value] };
}

function inOrder(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

const allRows = "select a from t order by rowid";

for (const mode of journalModes) {
  test(`100 write batches at once are written in the order of their calls (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    const answered: number[] = [];
    await Promise.all(
      inOrder(100).map(async (i) => {
        await client.batch([insert(i)], i % 2 === 0 ? "write" : "deferred");
        answered.push(i);
      }),
    );
    t.deepEqual(answered, inOrder(100));
    t.deepEqual(await selectColumn(client, allRows), inOrder(100));
  });

  test(`4 write transactions at once take turns in the order of their calls (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    let open = 0;
    await Promise.all(
      inOrder(4).map(async (i) => {
        const transaction = await client.transaction("write");
        open++;
        t.is(open, 1, "two writers at once");
        await transaction.execute(insert(2 * i));
        // The others have every chance to come in between.
        await new Promise(setImmediate);
        await transaction.execute(insert(2 * i + 1));
        open--;
        await transaction.commit();
      }),
    );
    t.deepEqual(await selectColumn(client, allRows), inOrder(8));
  });

  test(`20 write transactions, of which each other one rolls back, take turns (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    await Promise.all(
      inOrder(20).map(async (i) => {
        const transaction = await client.transaction("write");
        await transaction.execute(insert(i));
        if (i % 2 === 0) await transaction.commit();
        else if (i % 4 === 1) await transaction.rollback();
        else transaction.close();
      }),
    );
    t.deepEqual(
      await selectColumn(client, allRows),
      inOrder(20).filter((i) => i % 2 === 0),
    );
  });

  test(`writes of all kinds that are called during a transaction follow it in order (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    const transaction = await client.transaction("write");
    const writes: Array<(client: LocalClient) => Promise<unknown>> = [
      () => client.execute(insert(1)),
      () => client.batch([insert(2), insert(3)]),
      () => client.executeMultiple("insert into t values (4)"),
      () => client.migrate([insert(5)]),
      async () => {
        const next = await client.transaction("write");
        await next.execute(insert(6));
        await next.commit();
      },
    ];
    const writing = writes.map((write) => write(client));
    await transaction.execute(insert(0));
    await transaction.commit();
    await Promise.all(writing);
    t.deepEqual(await selectColumn(client, allRows), inOrder(7));
  });

  test(`a read sees the writes that were called before it, and no later ones (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    const counts: Array<Promise<unknown>> = [];
    const writes: Array<Promise<unknown>> = [];
    for (let i = 0; i < 50; i++) {
      writes.push(i % 3 === 0 ? client.batch([insert(i)]) : client.execute(insert(i)));
      counts.push(selectValue(client, "select count(*) from t"));
    }
    t.deepEqual(
      await Promise.all(counts),
      inOrder(50).map((i) => i + 1),
    );
    await Promise.all(writes);
  });

  test(`a transaction sees what was called before it, awaited or not (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    const writes = inOrder(20).map((i) => client.execute(insert(i)));
    const long = client.batch(Array.from({ length: 1000 }, () => insert("long")));
    const transaction = await client.transaction("read");
    t.is(await selectValue(transaction, "select count(*) from t"), 1020);
    await transaction.commit();
    await Promise.all([...writes, long]);
  });

  test(`calls in a transaction that are not awaited keep their order (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    const transaction = await client.transaction("write");
    const calls = [
      transaction.execute(insert(0)),
      transaction.batch(Array.from({ length: 1000 }, () => insert("long"))),
      selectValue(transaction, "select count(*) from t"),
      transaction.executeMultiple("delete from t where a = 'long'"),
      transaction.execute(insert(1)),
      transaction.commit(),
    ];
    t.is((await Promise.all(calls))[2], 1001);
    t.deepEqual(await selectColumn(client, allRows), [0, 1]);
  });
}

test("a write waits for its own client's transaction however long that works", async (t) => {
  const database = await temporaryDatabase(t);
  // Far less than the transaction takes: only its idleness counts.
  const client = database.open({ timeout: 100 });
  await prepare(client, "wal");
  const transaction = await client.transaction("write");
  await transaction.execute(insert("transaction"));
  const writing = client.execute(insert("client"));
  const work = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000000) ";
  for (let i = 0; i < 3; i++) await transaction.execute(`${work} select max(i) from n`);
  await transaction.commit();
  await t.notThrowsAsync(writing);
  t.deepEqual(await selectColumn(client, allRows), ["transaction", "client"]);
});
