import test from "ava";
import { openClient, selectRow, selectValue } from "../support/database.mjs";

test("NULL comes back as null", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, "select null"), null);
});

for (const [sql, value] of [
  ["1.5", 1.5],
  ["-0.25", -0.25],
  ["1e300", 1e300],
  ["9e999", Infinity],
  ["-9e999", -Infinity],
] as const) {
  test(`the REAL ${sql} comes back as the number ${value}`, async (t) => {
    const client = await openClient(t);
    t.is(await selectValue(client, `select ${sql}`), value);
  });
}

for (const text of ["", "hello", "日本語 😀", "\u{10ffff}"]) {
  test(`the TEXT ${JSON.stringify(text)} comes back as the same string`, async (t) => {
    const client = await openClient(t);
    t.is(await selectValue(client, `select '${text}'`), text);
  });
}

test("a long text comes back whole", async (t) => {
  const client = await openClient(t);
  const text = "žluťoučký kůň ".repeat(100_000);
  t.is(await selectValue(client, { sql: "select ?", args: [text] }), text);
});

test("a blob comes back as an ArrayBuffer of exactly its bytes", async (t) => {
  const client = await openClient(t);
  const value = await selectValue(client, "select x'00ff10'");
  t.true(value instanceof ArrayBuffer);
  t.deepEqual(new Uint8Array(value as ArrayBuffer), new Uint8Array([0x00, 0xff, 0x10]));
});

test("an empty blob comes back as an empty ArrayBuffer, not as null", async (t) => {
  const client = await openClient(t);
  const row = await selectRow(client, "select x'' as literal, zeroblob(0) as zero");
  t.deepEqual({ ...row }, { literal: new ArrayBuffer(0), zero: new ArrayBuffer(0) });
});

test("two blobs of one row share no memory", async (t) => {
  const client = await openClient(t);
  const row = await selectRow(client, "select x'01' as a, x'02' as b");
  new Uint8Array(row["a"] as ArrayBuffer).fill(9);
  t.deepEqual(row["b"], new Uint8Array([2]).buffer);
});

test("a long blob comes back whole", async (t) => {
  const client = await openClient(t);
  const blob = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251);
  const value = await selectValue(client, { sql: "select ?", args: [blob] });
  t.deepEqual(Buffer.from(value as ArrayBuffer), Buffer.from(blob));
});

test("integers are numbers where nothing else is asked for", async (t) => {
  const client = await openClient(t);
  t.deepEqual(
    { ...(await selectRow(client, "select 42 as positive, -42 as negative, 0 as zero")) },
    { positive: 42, negative: -42, zero: 0 },
  );
});

for (const integer of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
  test(`the safe integer ${integer} comes back as a number`, async (t) => {
    const client = await openClient(t, { intMode: "number" });
    t.is(await selectValue(client, `select ${integer}`), integer);
  });
}

for (const integer of ["9007199254740992", "-9007199254740992", "9223372036854775807"]) {
  test(`the unsafe integer ${integer} is a RangeError where integers are numbers`, async (t) => {
    const client = await openClient(t);
    await t.throwsAsync(client.execute(`select ${integer}`), {
      instanceOf: RangeError,
      message: /cannot be safely represented/,
    });
  });

  test(`${integer} is exact where integers are bigints`, async (t) => {
    const client = await openClient(t, { intMode: "bigint" });
    t.is(await selectValue(client, `select ${integer}`), BigInt(integer));
  });

  test(`${integer} is exact where integers are strings`, async (t) => {
    const client = await openClient(t, { intMode: "string" });
    t.is(await selectValue(client, `select ${integer}`), integer);
  });
}

test("the client goes on after an integer it could not represent", async (t) => {
  const client = await openClient(t);
  await t.throwsAsync(client.execute("select 9007199254740992"), { instanceOf: RangeError });
  t.is(await selectValue(client, "select 1"), 1);
});

for (const intMode of ["number", "bigint", "string"] as const) {
  test(`intMode "${intMode}" leaves reals, texts, blobs and nulls alone`, async (t) => {
    const client = await openClient(t, { intMode });
    const row = await selectRow(client, "select 2.0 as r, '2' as t, x'02' as b, null as n");
    t.deepEqual({ ...row }, { r: 2, t: "2", b: new Uint8Array([2]).buffer, n: null });
  });
}

test("intMode counts in batches and transactions as well", async (t) => {
  const client = await openClient(t, { intMode: "bigint" });
  const [resultSet] = await client.batch(["select 1 as a"]);
  t.deepEqual(
    resultSet?.rows.map((row) => row["a"]),
    [1n],
  );
  const transaction = await client.transaction();
  t.is(await selectValue(transaction, "select 2"), 2n);
  await transaction.commit();
});
