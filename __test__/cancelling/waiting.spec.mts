import test from "ava";
import type { LocalClient } from "latchdb";
import { openClient, selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { lockElsewhere } from "../support/processes.mjs";
import { journalModes, prepare } from "../support/queries.mjs";

const reason = new Error("changed my mind");

const waiters: Array<[string, (client: LocalClient, signal: AbortSignal) => Promise<unknown>]> = [
  ["execute", (client, signal) => client.execute({ sql: "insert into t values ('no')", signal })],
  ["batch", (client, signal) => client.batch(["insert into t values ('no')"], "write", { signal })],
  [
    "executeMultiple",
    (client, signal) => client.executeMultiple("insert into t values ('no')", { signal }),
  ],
  ["migrate", (client, signal) => client.migrate(["insert into t values ('no')"], { signal })],
  ["transaction", (client, signal) => client.transaction("write", { signal })],
];

for (const mode of journalModes) {
  for (const [name, wait] of waiters) {
    test(`${name} that waits in the line and is aborted frees its place (${mode})`, async (t) => {
      const client = await openClient(t);
      await prepare(client, mode);
      const holder = await client.transaction("write");
      const controller = new AbortController();
      const aborted = t.throwsAsync(wait(client, controller.signal), { is: reason });
      const behind = [
        client.execute("insert into t values ('first')"),
        client.execute("insert into t values ('second')"),
      ];
      controller.abort(reason);
      // It hears of it while the holder still holds the lock.
      await aborted;
      t.false(holder.closed);
      await holder.commit();
      await Promise.all(behind);
      t.deepEqual(await selectColumn(client, "select a from t order by rowid"), [
        "first",
        "second",
      ]);
    });

    test(`${name} that waits for another process and is aborted frees its place (${mode})`, async (t) => {
      const database = await temporaryDatabase(t);
      const client = database.open({ timeout: 60_000 });
      await prepare(client, mode);
      const lock = await lockElsewhere(t, database.file, "write");
      const controller = new AbortController();
      const aborted = t.throwsAsync(wait(client, controller.signal), { is: reason });
      // It has come to wait: reads of the client that were called before are answered.
      await new Promise(setImmediate);
      controller.abort(reason);
      await aborted;
      t.is(await selectValue(client, "select count(*) from t"), 0);
      await lock.release();
      await client.execute("insert into t values ('after')");
      t.deepEqual(await selectColumn(client, "select a from t"), ["after"]);
    });
  }

  test(`aborted waiters in the middle of the line leave the order of the others (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    const holder = await client.transaction("write");
    const controller = new AbortController();
    const calls = Array.from({ length: 9 }, (_, i) => {
      const write = async (): Promise<void> => {
        const signal = i % 3 === 1 ? controller.signal : undefined;
        const transaction = await client.transaction("write", { signal });
        await transaction.execute({ sql: "insert into t values (?)", args: [i] });
        await transaction.commit();
      };
      return i % 3 === 1 ? t.throwsAsync(write(), { is: reason }) : write();
    });
    controller.abort(reason);
    await holder.commit();
    await Promise.all(calls);
    t.deepEqual(await selectColumn(client, "select a from t order by rowid"), [0, 2, 3, 5, 6, 8]);
  });
}
