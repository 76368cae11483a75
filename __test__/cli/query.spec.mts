// `npx latchdb query`.
import test from "ava";
import { temporaryDatabase } from "../support/database.mjs";
import { run } from "./run.mjs";

test("rows on stdout, in each format", async (t) => {
  const sql = "SELECT 1 AS a, NULL AS b, x'00ff' AS c, 9007199254740993 AS d";
  const query = (...options: string[]) => run(["query", ":memory:", sql, ...options]);
  t.is((await query("--json")).stdout, '[{"a":1,"b":null,"c":"AP8=","d":"9007199254740993"}]\n');
  t.is((await query("--csv")).stdout, "a,b,c,d\n1,,x'00ff',9007199254740993\n");
  const table =
    "a  b     c        d\n─  ────  ───────  ────────────────\n1  NULL  x'00ff'  9007199254740993\n";
  t.is((await query()).stdout, table);
  t.is((await query("--table")).stdout, table);
  t.regex((await query("--csv", "--json")).stderr, /choose one of --json, --csv/);
});

test("arguments have the types that SQL would give them", async (t) => {
  const values = [
    ["5", "integer 5"],
    ["-1.5e3", "real -1500.0"],
    ["x'00'", "blob X'00'"],
    ["'5'", "text '5'"],
    ["'it''s'", "text 'it''s'"],
    ["null", "null NULL"],
    ["text", "text 'text'"],
    ["99999999999999999999", "real 1.0e+20"],
    ["", "text ''"],
  ] as const;
  const marks = values.map((_, at) => `typeof(?${at + 1}) || ' ' || quote(?${at + 1})`);
  const args = values.map(([value]) => `--arg=${value}`);
  const sql = `SELECT ${marks.join(", ")}`;
  const { code, stdout, stderr } = await run(["query", ":memory:", sql, "--json", ...args]);
  t.deepEqual([code, stderr], [0, ""]);
  const [row = {}] = JSON.parse(stdout) as object[];
  t.deepEqual(
    Object.values(row),
    values.map(([, seen]) => seen),
  );
});

test("arguments by name, and SQL from stdin", async (t) => {
  const args = ["query", ":memory:", "-", "--csv", "--arg", ":a=x=y", "--arg", "@b=2"];
  const { stdout } = await run(args, { input: "SELECT :a AS a, @b AS b" });
  t.is(stdout, "a,b\nx=y,2\n");
  t.regex((await run([...args, "--arg", "3"])).stderr, /some of the --arg have a name/);
});

test("several statements run up to the first error; exit code 1, and the error on stderr", async (t) => {
  const { file } = await temporaryDatabase(t);
  const script =
    "CREATE TABLE t (a);\nINSERT INTO t VALUES (1); SELECT * FROM t;\nSELECT * FROM u; SELECT 3";
  const failed = await run(["query", file, script, "--json"]);
  t.deepEqual(
    [failed.code, failed.stdout, failed.stderr],
    [1, '[{"a":1}]\n', "latchdb query: line 3: SQLITE_ERROR: no such table: u\n"],
  );
  const open = await run(["query", file, "BEGIN; DELETE FROM t"]);
  t.is(open.code, 1);
  t.regex(open.stderr, /left open, and is rolled back/);
  t.is((await run(["query", file, "SELECT a FROM t", "--csv"])).stdout, "a\n1\n");
});

test("calls that are wrong: exit code 1, and the usage", async (t) => {
  for (const args of [
    [":memory:"],
    [":memory:", " -- nothing\n"],
    [":memory:", "SELECT ?; SELECT 2", "--arg", "1"],
  ]) {
    const { code, stderr } = await run(["query", ...args]);
    t.is(code, 1);
    t.regex(stderr, /^error: .*\n[^]*Usage: latchdb query/);
  }
});
