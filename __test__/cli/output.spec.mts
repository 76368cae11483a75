// Results as tables, JSON and CSV.
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { stripVTControlCharacters } from "node:util";
import test from "ava";
import type { Row, Value } from "latchdb";
import { Printer, type Mode } from "./modules.mjs";

/** The lines that are printed, without colours. `width` is that of a terminal. */
async function printed(
  mode: Mode,
  columns: string[],
  rows: Value[][],
  width?: number,
): Promise<string[]> {
  const output = new PassThrough();
  if (width !== undefined) Object.assign(output, { isTTY: true, columns: width });
  const all = text(output);
  const result = { columns, rows: rows as unknown as Row[], rowsAffected: 0 };
  await new Printer(output, mode).print(result);
  output.end();
  return stripVTControlCharacters(await all)
    .split("\n")
    .slice(0, -1);
}

const blob = (bytes: number): ArrayBuffer => new Uint8Array(bytes).fill(255).buffer;

test("columns are aligned, by the width that a terminal gives to a text", async (t) => {
  const rows: Value[][] = [
    [1n, "Zürich", "日本語", "👩‍👩‍👧", 1],
    [-200n, "e\u0301", null, "🇨🇭 ok", 0.5],
  ];
  t.deepEqual(await printed("table", ["id", "name", "wide", "emoji", "r"], rows), [
    "id    name    wide    emoji  r",
    "────  ──────  ──────  ─────  ───",
    "   1  Zürich  日本語  👩‍👩‍👧     1.0",
    "-200  e\u0301       NULL    🇨🇭 ok  0.5",
  ]);
});

test("NULL is set off on a terminal; a blob is shortened; no text steers the terminal", async (t) => {
  const rows: Value[][] = [[null, blob(2), blob(17), "a\nb\t\x1b[31m\u009b\u202e"]];
  const [, , line] = await printed("table", ["n", "b", "long", "t"], rows, 200);
  const short = `x'${"ff".repeat(16)}…' (17 bytes)`;
  t.is(line, `NULL  x'ffff'  ${short}  a\\nb\\t\\u001b[31m\\u009b\\u202e`);
});

test("a table that is too wide: texts are cut, numbers are not", async (t) => {
  const rows: Value[][] = [[123456789012n, "x".repeat(100), "日".repeat(50), "short"]];
  const lines = await printed("table", ["n", "x", "wide", "s"], rows, 44);
  t.deepEqual(lines[2], `123456789012  ${"x".repeat(9)}…  ${"日".repeat(4)}…   short`);
  t.true((lines[1]?.length ?? 99) <= 44, lines[1]);
});

test("too many columns for a terminal: a value on each line", async (t) => {
  const columns = ["a", "bb", "c"];
  const rows: Value[][] = [
    ["x".repeat(50), "y".repeat(50), null],
    [1n, 2, "z"],
  ];
  t.deepEqual(await printed("table", columns, rows, 20), [
    ` a = ${"x".repeat(50)}`,
    `bb = ${"y".repeat(50)}`,
    " c = NULL",
    "",
    " a = 1",
    "bb = 2.0",
    " c = z",
  ]);
});

test("a table that does not go to a terminal is not cut", async (t) => {
  const [, , line] = await printed("table", ["a", "b"], [["x".repeat(500), "y".repeat(500)]]);
  t.is(line, `${"x".repeat(500)}  ${"y".repeat(500)}`);
});

test("JSON keeps every value", async (t) => {
  const rows: Value[][] = [
    [1n, 2n ** 53n, -(2n ** 63n), 1, -0, 1e21, Infinity, null, "a\n\u009b\0", blob(3)],
  ];
  const columns = ["a", "big", "least", "r", "z", "e", "inf", "n", 'te"xt', "b"];
  const lines = await printed("json", columns, rows);
  t.deepEqual(lines, [
    '[{"a":1,"big":"9007199254740992","least":"-9223372036854775808","r":1.0,"z":-0.0,"e":1e+21,' +
      '"inf":1e999,"n":null,"te\\"xt":"a\\n\\u009b\\u0000","b":"////"}]',
  ]);
  t.notThrows(() => JSON.parse(lines.join("\n")));
  t.deepEqual(await printed("json", ["a"], []), ["[]"]);
  const twice = await printed(
    "json",
    ["a", "a", "a:1", "a"],
    [
      [1n, 2n, 3n, 4n],
      [5n, 6n, 7n, 8n],
    ],
  );
  t.deepEqual(JSON.parse(twice.join("\n")), [
    { a: 1, "a:2": 2, "a:1": 3, "a:3": 4 },
    { a: 5, "a:2": 6, "a:1": 7, "a:3": 8 },
  ]);
});

test("CSV tells NULL from an empty text", async (t) => {
  const rows: Value[][] = [[null, "", 'a "b", c', "two\nlines", 1n, 1, blob(2), " x"]];
  t.deepEqual(await printed("csv", ["n", "e", "q,", "l", "i", "r", "b", "s"], rows), [
    'n,e,"q,",l,i,r,b,s',
    ',"","a ""b"", c","two',
    'lines",1,1.0,x\'ffff\'," x"',
  ]);
});
