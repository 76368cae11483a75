import test from "ava";
import type { InValue } from "latchdb";
import { openClient, selectRow, selectValue } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

const typeAndValue = "select typeof(:value) as type, :value as value";

for (const value of [1, 0, -7, 1.5, 1e300, Number.MAX_SAFE_INTEGER]) {
  test(`the number ${value} is stored as REAL`, async (t) => {
    const client = await openClient(t);
    const row = await selectRow(client, { sql: typeAndValue, args: { value } });
    t.deepEqual({ ...row }, { type: "real", value });
  });
}

test("a whole number becomes an INTEGER in an INTEGER column, by SQLite's affinity", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (n integer)");
  await client.execute("insert into t values (?)", [42]);
  t.deepEqual(
    { ...(await selectRow(client, "select typeof(n) as type, n from t")) },
    {
      type: "integer",
      n: 42,
    },
  );
});

test("negative zero keeps its sign", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, { sql: "select ?", args: [-0] }), -0);
});

test("a bigint is stored as INTEGER", async (t) => {
  const client = await openClient(t);
  const row = await selectRow(client, { sql: typeAndValue, args: { value: 1n } });
  t.deepEqual({ ...row }, { type: "integer", value: 1 });
});

for (const value of [2n ** 63n - 1n, -(2n ** 63n)]) {
  test(`the bigint ${value} still fits`, async (t) => {
    const client = await openClient(t, { intMode: "bigint" });
    t.is(await selectValue(client, { sql: "select ?", args: [value] }), value);
  });
}

for (const [boolean, number] of [
  [true, 1],
  [false, 0],
] as const) {
  test(`${boolean} is stored as REAL ${number} where integers are numbers`, async (t) => {
    const client = await openClient(t);
    const row = await selectRow(client, { sql: typeAndValue, args: { value: boolean } });
    t.deepEqual({ ...row }, { type: "real", value: number });
  });

  test(`${boolean} is stored as INTEGER ${number} where integers are bigints`, async (t) => {
    const client = await openClient(t, { intMode: "bigint" });
    const row = await selectRow(client, { sql: typeAndValue, args: { value: boolean } });
    t.deepEqual({ ...row }, { type: "integer", value: BigInt(number) });
  });

  test(`${boolean} is stored as TEXT "${number}" where integers are strings`, async (t) => {
    const client = await openClient(t, { intMode: "string" });
    const row = await selectRow(client, { sql: typeAndValue, args: { value: boolean } });
    t.deepEqual({ ...row }, { type: "text", value: String(number) });
  });
}

test("a Date is stored as REAL milliseconds", async (t) => {
  const client = await openClient(t);
  const value = new Date("2024-05-06T07:08:09.123Z");
  const row = await selectRow(client, { sql: typeAndValue, args: { value } });
  t.deepEqual({ ...row }, { type: "real", value: value.getTime() });
});

test("an invalid Date is stored as NULL", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, { sql: "select ?", args: [new Date(NaN)] }), null);
});

test("null is stored as NULL", async (t) => {
  const client = await openClient(t);
  const row = await selectRow(client, { sql: typeAndValue, args: { value: null } });
  t.deepEqual({ ...row }, { type: "null", value: null });
});

for (const value of ["", "hello", "žluťoučký kůň", "日本語 😀", "line\nbreak", "it's"]) {
  test(`the string ${JSON.stringify(value)} is stored as TEXT`, async (t) => {
    const client = await openClient(t);
    const row = await selectRow(client, { sql: typeAndValue, args: { value } });
    t.deepEqual({ ...row }, { type: "text", value });
  });
}

test("a lone surrogate is stored as the replacement character", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, { sql: "select hex(?)", args: ["\ud800"] }), "EFBFBD");
});

const bytes = new Uint8Array([0, 1, 2, 254, 255]);
const blobs: Array<{ title: string; value: InValue; hex: string }> = [
  { title: "an ArrayBuffer", value: bytes.slice().buffer, hex: "000102FEFF" },
  { title: "an empty ArrayBuffer", value: new ArrayBuffer(0), hex: "" },
  { title: "a Uint8Array", value: bytes, hex: "000102FEFF" },
  { title: "an empty Uint8Array", value: new Uint8Array(0), hex: "" },
  { title: "a Uint8Array with an offset", value: bytes.subarray(1, 4), hex: "0102FE" },
  { title: "a Buffer", value: Buffer.from("hello"), hex: "68656C6C6F" },
  { title: "a Buffer with an offset", value: Buffer.from("hello").subarray(1, 3), hex: "656C" },
  {
    title: "a Float32Array",
    value: unchecked<InValue>(new Float32Array([1])),
    hex: "0000803F",
  },
];

for (const { title, value, hex } of blobs) {
  test(`${title} is stored as a blob of its own bytes`, async (t) => {
    const client = await openClient(t);
    const row = await selectRow(client, {
      sql: "select typeof(:value) as type, hex(:value) as hex",
      args: { value },
    });
    t.deepEqual({ ...row }, { type: "blob", hex });
  });
}

const refused: Array<{ title: string; value: InValue; error: ErrorConstructor }> = [
  { title: "undefined", value: unchecked<InValue>(undefined), error: TypeError },
  { title: "NaN", value: NaN, error: RangeError },
  { title: "Infinity", value: Infinity, error: RangeError },
  { title: "-Infinity", value: -Infinity, error: RangeError },
  { title: "a bigint over 64 bits", value: 2n ** 63n, error: RangeError },
  { title: "a bigint under 64 bits", value: -(2n ** 63n) - 1n, error: RangeError },
];

for (const { title, value, error } of refused) {
  test(`${title} is refused with a ${error.name}, in whatever way it is passed`, async (t) => {
    const client = await openClient(t);
    await t.throwsAsync(client.execute({ sql: "select ?", args: [value] }), { instanceOf: error });
    await t.throwsAsync(client.execute("select ?", [value]), { instanceOf: error });
    await t.throwsAsync(client.execute("select :value", { value }), { instanceOf: error });
    await t.throwsAsync(client.batch([{ sql: "select ?", args: [value] }]), { instanceOf: error });
  });
}

test("a transaction goes on after an argument that was refused", async (t) => {
  const client = await openClient(t);
  const transaction = await client.transaction();
  await t.throwsAsync(transaction.execute({ sql: "select ?", args: [NaN] }), {
    instanceOf: RangeError,
  });
  t.is(await selectValue(transaction, "select 1"), 1);
  await transaction.commit();
});
