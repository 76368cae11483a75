// What rows are made with is kept for the next statement with the same columns, within limits. The rows
// of one maker share a prototype, by which the test recognizes it.

import test from "ava";
import type { ExecutionContext } from "ava";
import type { LocalClient } from "latchdb";
import { openClient } from "../support/database.mjs";

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
  const oldest = await prototypeOf(client, "select 1 as old");
  for (let number = 0; number < 20; number++) await client.execute(wideQuery(number));
  const newest = await prototypeOf(client, "select 1 as new");
  t.not(await prototypeOf(client, "select 1 as old"), oldest);
  t.is(await prototypeOf(client, "select 1 as new"), newest);
});

test.serial("names that take too many bytes are not kept at all", async (t) => {
  const client = await open(t);
  const query = `select 1 as "${"x".repeat(1_000_000)}"`;
  const kept = await prototypeOf(client, "select 1 as kept");
  t.not(await prototypeOf(client, query), await prototypeOf(client, query));
  t.is(await prototypeOf(client, "select 1 as kept"), kept);
});

test.serial("it goes with the last client that is open", async (t) => {
  const [first, last] = [await open(t), await open(t)];
  const before = await prototypeOf(first, "select 1 as a");
  first.close();
  t.is(await prototypeOf(last, "select 1 as a"), before);
  await last.shutdown();
  t.not(await prototypeOf(await open(t), "select 1 as a"), before);
});

test.serial("answers that are read after the last client is closed keep nothing", async (t) => {
  let prototype: object | undefined;
  for (let ms = 1; prototype === undefined; ms *= 2) {
    const client = await open(t);
    const late = client.execute("select 1 as late").catch(() => undefined);
    // The statement ends on its lane, and its answer waits for the event loop.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    client.close();
    const result = await late;
    if (result !== undefined) prototype = Object.getPrototypeOf(result.rows[0]) as object;
  }
  t.not(await prototypeOf(await open(t), "select 1 as late"), prototype);
});
