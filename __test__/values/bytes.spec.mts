import test from "ava";
import type { InValue } from "latchdb";
import { openClient, selectRow, selectValue } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

const views = [
  { view: new Int8Array([1, 2, 3]).subarray(1, 2), hex: "02" },
  { view: new Uint8ClampedArray([1, 2, 3]).subarray(1, 2), hex: "02" },
  { view: new Int16Array([1, 2, 3]).subarray(1, 2), hex: "0200" },
  { view: new Uint16Array([1, 2, 3]).subarray(1, 2), hex: "0200" },
  { view: new Int32Array([1, 2, 3]).subarray(1, 2), hex: "02000000" },
  { view: new Uint32Array([1, 2, 3]).subarray(1, 2), hex: "02000000" },
  { view: new Float32Array([0, 1, 2]).subarray(1, 2), hex: "0000803F" },
  { view: new Float64Array([0, 1, 2]).subarray(1, 2), hex: "000000000000F03F" },
  { view: new BigInt64Array([1n, 2n, 3n]).subarray(1, 2), hex: "0200000000000000" },
  { view: new BigUint64Array([1n, 2n, 3n]).subarray(1, 2), hex: "0200000000000000" },
  { view: new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2), hex: "0203" },
];

for (const { view, hex } of views) {
  test(`${view.constructor.name} with an offset is stored as a blob of its own bytes`, async (t) => {
    const client = await openClient(t);
    const row = await selectRow(client, {
      sql: "select typeof(:value) as type, hex(:value) as hex",
      args: { value: unchecked<InValue>(view) },
    });
    t.deepEqual({ ...row }, { type: "blob", hex });
  });
}

test("the bytes of a blob are taken at the time of the call", async (t) => {
  const client = await openClient(t);
  const value = new Uint8Array([1, 2, 3]);
  const hex = selectValue(client, { sql: "select hex(?)", args: [value] });
  value.fill(9);
  t.is(await hex, "010203");
});

test("the arguments of a call that waits are taken at the time of the call", async (t) => {
  const client = await openClient(t, { concurrency: 1 });
  const sql = "select ? as number, hex(?) as hex, cast(? as integer) as date";
  const buffer = new Uint8Array(2);
  const args: InValue[] = [0, buffer, new Date(0)];
  const statement = { sql, args };
  const change = (i: number): void => {
    args[0] = i;
    buffer.fill(i);
    (args[2] as Date).setTime(i);
  };
  const row = (i: number): object => ({
    number: i,
    hex: i.toString(16).toUpperCase().padStart(2, "0").repeat(2),
    date: i,
  });
  await client.execute(statement);
  const calls = [];
  for (let i = 0; i < 200; i++) {
    change(i);
    // What runs on this thread takes a few ms of each turn. Later calls wait for the next turn.
    if (i === 8) for (const until = performance.now() + 10; performance.now() < until;);
    const isBatch = i % 50 === 49;
    calls.push(isBatch ? client.batch([statement, [sql, args]]) : client.execute(statement));
  }
  change(255);
  for (const [i, answer] of (await Promise.all(calls)).entries()) {
    for (const { rows } of [answer].flat()) t.deepEqual({ ...rows[0] }, row(i));
  }
  // These wait for the only connection, or for the batch before.
  const transaction = await client.transaction("read");
  const long = transaction.batch(Array.from({ length: 30_000 }, () => "select 1"));
  change(1);
  const inTransaction = [transaction.execute(statement), transaction.batch([statement])];
  const named = { number: 1, hex: buffer, date: args[2] as Date };
  const outside = [
    client.execute(statement),
    client.batch([{ sql: "select :number as number, hex(:hex) as hex, 1 as date", args: named }]),
  ];
  change(255);
  named.number = 255;
  await long;
  const answers = await Promise.all(inTransaction);
  await transaction.commit();
  for (const answer of [...answers, ...(await Promise.all(outside))]) {
    for (const { rows } of [answer].flat()) t.deepEqual({ ...rows[0] }, row(1));
  }
});

test("a waiting call whose arguments cannot be read fails, and the next one runs", async (t) => {
  const client = await openClient(t, { concurrency: 1 });
  const transaction = await client.transaction("read");
  const args = {
    get a(): number {
      throw new Error("unreadable");
    },
  };
  const failed = client.execute({ sql: "select :a", args });
  const next = selectValue(client, "select 1");
  await t.throwsAsync(failed, { message: "unreadable" });
  await transaction.commit();
  t.is(await next, 1);
});

test("a NUL character in a text is kept", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, { sql: "select ?", args: ["a\0b"] }), "a\0b");
});
