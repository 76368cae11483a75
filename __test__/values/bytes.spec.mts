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

test("a NUL character in a text is kept", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, { sql: "select ?", args: ["a\0b"] }), "a\0b");
});
