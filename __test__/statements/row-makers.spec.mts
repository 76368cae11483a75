// What rows are made with is kept for the next statement with the same columns, within limits. The rows
// of one maker share a prototype, by which the test recognizes it: a prototype that nobody keeps is
// collected.

import { isDeepStrictEqual } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test from "ava";
import type { ExecutionContext } from "ava";
import { createClient, type LocalClient } from "latchdb";
import { openClient, temporaryDatabase } from "../support/database.mjs";

/** Bun's collector looks for pointers on the stack, and may keep what nobody refers to. */
const isExact = process.versions["bun"] === undefined;

/** The prototype of a query's rows, for a later look whether it is still kept. */
async function weakPrototypeOf(client: LocalClient, sql: string): Promise<WeakRef<object>> {
  return new WeakRef(await prototypeOf(client, sql));
}

async function assertDropped(t: ExecutionContext, prototype: WeakRef<object>): Promise<void> {
  if (!isExact) {
    t.log("not looked at: Bun's collector is conservative");
    t.pass();
    return;
  }
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let tries = 0; tries < 10 && prototype.deref() !== undefined; tries++) {
    await new Promise(setImmediate);
    collect();
  }
  t.true(prototype.deref() === undefined);
}

async function prototypeOf(client: LocalClient, sql: string): Promise<object> {
  const { rows } = await client.execute(sql);
  return Object.getPrototypeOf(rows[0]) as object;
}

/** A query with many columns. They are called differently in each query. */
function wideQuery(number: number): string {
  const columns = Array.from({ length: 1500 }, (_, i) => `${i} as q${number}_${i}`);
  return `select ${columns.join(", ")}`;
}

async function open(t: ExecutionContext): Promise<LocalClient> {
  return openClient(t);
}

test.serial("statements with the same columns share what makes their rows", async (t) => {
  const client = await open(t);
  const first = await prototypeOf(client, "select 1 as a");
  t.is(await prototypeOf(client, "select 2 as a"), first);
  t.is(await prototypeOf(await open(t), "select 3 as a"), first);
});

test.serial("it is dropped beyond a number of bytes, the oldest first", async (t) => {
  const client = await open(t);
  const oldest = await weakPrototypeOf(client, "select 1 as old");
  for (let number = 0; number < 20; number++) await client.execute(wideQuery(number));
  const newest = await prototypeOf(client, "select 1 as new");
  await assertDropped(t, oldest);
  t.is(await prototypeOf(client, "select 1 as new"), newest);
});

test.serial("names that take too many bytes are not kept at all", async (t) => {
  const client = await open(t);
  const query = `select 1 as "${"x".repeat(1_000_000)}"`;
  const kept = await prototypeOf(client, "select 1 as kept");
  await assertDropped(t, await weakPrototypeOf(client, query));
  t.is(await prototypeOf(client, "select 1 as kept"), kept);
});

test.serial("it goes with the last client that is open", async (t) => {
  const [first, last] = [await open(t), await open(t)];
  const before = await weakPrototypeOf(first, "select 1 as a");
  first.close();
  t.true((await prototypeOf(last, "select 1 as a")) === before.deref());
  await last.shutdown();
  await assertDropped(t, before);
});

/** The prototype of rows whose answer is read after the client was closed, if it waited for `ms`. */
async function lateAnswer(t: ExecutionContext, ms: number): Promise<WeakRef<object> | undefined> {
  const client = await open(t);
  const late = client.execute("select 1 as late").catch(() => undefined);
  // The statement ends on its lane, and its answer waits for the event loop.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  client.close();
  const result = await late;
  return result && new WeakRef(Object.getPrototypeOf(result.rows[0]) as object);
}

test.serial("answers that are read after the last client is closed keep nothing", async (t) => {
  let prototype: WeakRef<object> | undefined;
  for (let ms = 1; prototype === undefined; ms *= 2) prototype = await lateAnswer(t, ms);
  await assertDropped(t, prototype);
});

test.serial(
  "rows with the same columns are strictly equal after every client was closed",
  async (t) => {
    const { url } = await temporaryDatabase(t);
    const read = async (): Promise<unknown> => {
      const client = createClient({ url });
      const { rows } = await client.execute("select 1 as a, 'x' as b, 2 as a");
      client.close();
      return rows;
    };
    const before = await read();
    t.true(isDeepStrictEqual(await read(), before));
  },
);
