import test from "ava";
import type { Value } from "latchdb";
import { openClient, selectRow, selectValue } from "../support/database.mjs";
import { longestGaps } from "../support/event-loop-gap.mjs";

// Values of more than 128 KiB come in pieces.

const MIB = 1024 * 1024;
const PIECE = 128 * 1024;
/** A piece takes less than a ms, and a turn of the event loop reads them for 2 ms. The rest is the machine's. */
const GAP_LIMIT_MS = 80;

function blobOf(length: number): Uint8Array<ArrayBuffer> {
  const blob = new Uint8Array(length);
  for (let i = 0; i < length; i++) blob[i] = (i * 31 + (i >> 16)) & 255;
  return blob;
}

/** The longest gap, in ms. What the machine does shows in some of the runs only. */
async function longestGapOf(action: () => Promise<unknown>): Promise<number> {
  const gaps = await longestGaps(GAP_LIMIT_MS, action);
  return Math.min(...gaps.map(({ held }) => held));
}

/** Whether the texts are the same. An assertion on them would print them. */
function isSame(text: Value | undefined, expected: string): boolean {
  return text === expected;
}

test.serial("a blob of 64 MiB comes back, and the event loop goes on", async (t) => {
  const client = await openClient(t);
  const blob = blobOf(64 * MIB);
  let answer: Value | undefined;
  await client.execute("create table t (a)");
  await client.execute({ sql: "insert into t values (?)", args: [blob] });
  const held = await longestGapOf(async () => {
    answer = await selectValue(client, "select a from t");
  });
  t.log(`the longest gap: ${held.toFixed(1)} ms`);
  t.true(answer instanceof ArrayBuffer);
  t.is(Buffer.compare(Buffer.from(answer as ArrayBuffer), blob), 0);
  t.true(held < GAP_LIMIT_MS, `${held} ms`);
  const moved = structuredClone(answer, { transfer: [answer as ArrayBuffer] });
  t.is((moved as ArrayBuffer).byteLength, 64 * MIB, "it can be transferred to a worker");
  t.is((answer as ArrayBuffer).byteLength, 0);
});

for (const { what, unit } of [
  { what: "of two bytes in UTF-8 and one in memory", unit: "é" },
  { what: "of three bytes", unit: "漢" },
  { what: "of four bytes and two units", unit: "😀" },
  { what: "of all lengths", unit: "aé漢😀" },
]) {
  test.serial(`a text of 16 MiB ${what} comes back, and the event loop goes on`, async (t) => {
    const client = await openClient(t);
    // An odd byte before puts every character across a piece's end at some place.
    const text = "x" + unit.repeat((16 * MIB) / Buffer.byteLength(unit));
    let answer: Value | undefined;
    await client.execute("create table t (a)");
    await client.execute({ sql: "insert into t values (?)", args: [text] });
    const held = await longestGapOf(async () => {
      answer = await selectValue(client, "select a from t");
    });
    t.log(`the longest gap: ${held.toFixed(1)} ms`);
    t.true(isSame(answer, text));
    t.true(held < GAP_LIMIT_MS, `${held} ms`);
  });
}

test("values around the size of a piece come back", async (t) => {
  const client = await openClient(t);
  for (const length of [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1]) {
    const blob = blobOf(length);
    const text = "ä".repeat(length >> 1) + "z";
    const row = await selectRow(client, {
      sql: "select ? as b, ? as t, 1 as n",
      args: [blob, text],
    });
    t.is(Buffer.compare(Buffer.from(row["b"] as ArrayBuffer), blob), 0, `${length}`);
    t.true(isSame(row["t"], text), `${length}`);
    t.is(row["n"], 1);
  }
});

test("long and short values of many rows stay in their places", async (t) => {
  const client = await openClient(t);
  const sql = `
    with recursive n(i) as (select 1 union all select i + 1 from n limit 40)
    select i, printf('%.*c', 1000 * i * i, char(64 + i)) as text, zeroblob(700 * i * i) as blob, 'end' as ending
    from n order by i % 7, i`;
  for (const rows of [
    (await client.execute(sql)).rows,
    (await client.batch([sql, "select 1"], "read"))[0]?.rows ?? [],
  ]) {
    t.is(rows.length, 40);
    for (const { i, text, blob, ending } of rows) {
      const number = i as number;
      const character = String.fromCodePoint(64 + number);
      t.true(isSame(text ?? null, character.repeat(1000 * number ** 2)), `${number}`);
      t.is((blob as ArrayBuffer).byteLength, 700 * number ** 2);
      t.is(ending, "end");
    }
  }
});

test("a long text that is not valid UTF-8 has the same characters as a short one", async (t) => {
  const client = await openClient(t);
  // Each of the ends of pieces falls into these: an incomplete character, and continuations without one.
  for (const unit of ["e282", "80808080", "f09f98", "61c3", "f09f9880e6bc"]) {
    const count = Math.ceil((3 * PIECE) / (unit.length / 2));
    const whole = unit.repeat(count);
    const text = await selectValue(client, `select cast(x'${whole}' as text)`);
    const expected = Buffer.from(whole, "hex").toString("utf8");
    t.true(isSame(text, expected), unit);
  }
});

test("long values come back from RETURNING, scripts of a transaction and each intMode", async (t) => {
  for (const intMode of ["number", "bigint", "string"] as const) {
    const client = await openClient(t, { intMode });
    await client.execute("create table t (a, b)");
    const transaction = await client.transaction("write");
    const inserted = await transaction.execute(
      `insert into t values (zeroblob(${3 * PIECE}), hex(zeroblob(${PIECE}))) returning *`,
    );
    await transaction.commit();
    const [row] = inserted.rows;
    t.is((row?.["a"] as ArrayBuffer | undefined)?.byteLength, 3 * PIECE);
    t.true(isSame(row?.["b"], "0".repeat(2 * PIECE)));
  }
});

test("a row with an unsafe integer behind a long value fails, and later ones succeed", async (t) => {
  const client = await openClient(t);
  const long = `zeroblob(${4 * PIECE}) as a`;
  await t.throwsAsync(client.execute(`select ${long}, 9007199254740993 as b`), {
    instanceOf: RangeError,
  });
  const row = await selectRow(client, `select ${long}, 2 as b`);
  t.is((row["a"] as ArrayBuffer).byteLength, 4 * PIECE);
  t.is(row["b"], 2);
});
