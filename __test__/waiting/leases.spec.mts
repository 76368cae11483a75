// Another process has a lease on the database file (`fcntl(2)`, F_SETLEASE), as a swap has for a moment and
// anybody who owns the file can have for long: calls wait for it, the event loop does not.

import { rename } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createClient } from "latchdb";
import { fsyncFile, swapFile } from "latchdb/swap";
import {
  selectValue,
  temporaryDatabase,
  temporaryDirectory,
  type TemporaryDatabase,
} from "../support/database.mjs";
import { longestGap } from "../support/event-loop-gap.mjs";
import { holdLeases } from "../support/leases.mjs";

/** The thread waits for 100 ms at most. */
const LIMIT = 1_000;

interface Leased extends TemporaryDatabase {
  release(): Promise<void>;
}

/** A database with one row, and a lease on it. Without one, the test says why, and passes. */
async function leasedDatabase(t: ExecutionContext): Promise<Leased | undefined> {
  const database = await temporaryDatabase(t);
  const client = createClient({ url: database.url });
  await client.executeMultiple("create table t (a); insert into t values (1)");
  client.close();
  const leases = await holdLeases(t, [database.file]);
  if ("release" in leases) return { ...database, release: leases.release };
  t.log(`Skipped: ${leases.reason}`);
  t.pass();
  return undefined;
}

test("a client is opened at once, and its calls wait until the lease is given up", async (t) => {
  const database = await leasedDatabase(t);
  if (database === undefined) return;
  let client: ReturnType<typeof database.open> | undefined;
  let answered = 0;
  const { held } = await longestGap(async () => {
    client = database.open();
    const calls = [
      selectValue(client, "select a from t"),
      client.transaction("read").then(async (transaction) => {
        const { rows } = await transaction.execute("select a from t");
        transaction.close();
        return rows[0]?.[0];
      }),
    ];
    const counted = calls.map((call) => call.finally(() => answered++));
    await new Promise((resolve) => setTimeout(resolve, 150));
    t.is(answered, 0);
    await database.release();
    t.deepEqual(await Promise.all(counted), [1, 1]);
  });
  t.true(held < LIMIT, `the event loop was held for ${held} ms`);
  await client?.execute("insert into t values (2)");
});

test("all connections find the file that the first one has found", async (t) => {
  const database = await leasedDatabase(t);
  if (database === undefined) return;
  const client = database.open();
  const first = selectValue(client, "select a from t");
  await database.release();
  t.is(await first, 1);
  await rename(database.file, join(database.directory, "moved.db"));
  await t.throwsAsync(client.transaction("read"), { code: "SQLITE_READONLY" });
});

test("a call that waits is ended by its signal, and by close()", async (t) => {
  const database = await leasedDatabase(t);
  if (database === undefined) return;
  const client = database.open();
  const reason = new Error("enough");
  const controller = new AbortController();
  const aborted = client.execute({ sql: "select 1", signal: controller.signal });
  setTimeout(() => controller.abort(reason), 20);
  await t.throwsAsync(aborted, { is: reason });
  const closed = client.execute("select 1");
  setTimeout(() => client.close(), 20);
  await t.throwsAsync(closed, { code: "CLIENT_CLOSED" });
});

test("an ATTACH that waits is ended by its signal", async (t) => {
  const database = await leasedDatabase(t);
  if (database === undefined) return;
  const { open } = await temporaryDatabase(t);
  const client = open();
  const reason = new Error("enough");
  const controller = new AbortController();
  const { signal } = controller;
  const attached = client.execute({ sql: `attach '${database.file}' as other`, signal });
  setTimeout(() => controller.abort(reason), 50);
  await t.throwsAsync(attached, { is: reason });
  await database.release();
  await client.execute(`attach '${database.file}' as other`);
  t.is(await selectValue(client, "select a from other.t"), 1);
});

test("a swap that waits for its source is ended by its signal; what has none says so", async (t) => {
  const database = await leasedDatabase(t);
  if (database === undefined) return;
  const target = join(await temporaryDirectory(t), "target");
  const reason = new Error("enough");
  const controller = new AbortController();
  const { signal } = controller;
  const swap = swapFile(target, { source: database.file, signal });
  setTimeout(() => controller.abort(reason), 50);
  await t.throwsAsync(swap, { is: reason });
  await t.throwsAsync(fsyncFile(database.file), { code: "IO_ERROR", message: /lease.*try again/ });
});
