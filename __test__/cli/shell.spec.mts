// `npx latchdb shell` with a script on stdin.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import {
  openUrl,
  selectValue,
  temporaryDatabase,
  temporaryDirectory,
} from "../support/database.mjs";
import { connect, errorText } from "./modules.mjs";
import { run } from "./run.mjs";

test("a script runs to its end: rows, modes, commands", async (t) => {
  const { file } = await temporaryDatabase(t);
  const input = `CREATE TABLE b (x); CREATE TABLE a (
    y TEXT -- a name;
  );
CREATE VIEW v AS SELECT 1;
.tables
.tables a%
.schema a
SELECT 1 AS one, NULL AS two;
.mode json
SELECT 1 AS one;
.mode csv
SELECT 'last' AS statement`;
  const { code, stdout, stderr } = await run(["shell", file], { input });
  t.deepEqual([code, stderr], [0, ""]);
  t.is(
    stdout,
    `a
b
v
a
CREATE TABLE a (
    y TEXT -- a name;
  );
one  two
───  ────
  1  NULL
[{"one":1}]
statement
last
`,
  );
});

test("a script ends at the first error, with exit code 1", async (t) => {
  const { file, url } = await temporaryDatabase(t);
  const input = "CREATE TABLE t (a);\nBEGIN;\nINSERT INTO t VALUES (1);\n\nSELEC 2;\nCOMMIT;\n";
  const { code, stdout, stderr } = await run(["shell", file], { input });
  t.deepEqual([code, stdout], [1, ""]);
  t.is(
    stderr,
    'latchdb shell: line 5: SQLITE_ERROR: near "SELEC": syntax error\n  SELEC 2;\n  ^\n',
  );
  t.is(await selectValue(openUrl(t, url), "SELECT count(*) FROM t"), 0);
});

test(".explain shows a query plan as a tree, as SQLite's shell does", async (t) => {
  const input = [
    "CREATE TABLE t (a INTEGER PRIMARY KEY, b);",
    "CREATE TABLE u (c, d);",
    "CREATE INDEX u_c ON u (c);",
    ".explain SELECT * FROM t WHERE a = ?;",
    "  .explain SELECT (SELECT d FROM u WHERE c = b), ';' FROM t UNION ALL SELECT c, 1 FROM u",
    ".explain DELETE FROM t WHERE b = 1",
    "SELECT count(*) AS n FROM t;",
    ".explain",
  ].join("\n");
  const { code, stdout, stderr } = await run(["shell", "--mode", "csv", ":memory:"], { input });
  t.deepEqual(stdout.split(/\r?\n/), [
    "QUERY PLAN",
    "`--SEARCH t USING INTEGER PRIMARY KEY (rowid=?)",
    "QUERY PLAN",
    "`--COMPOUND QUERY",
    "   |--LEFT-MOST SUBQUERY",
    "   |  |--SCAN t",
    "   |  `--CORRELATED SCALAR SUBQUERY 1",
    "   |     `--SEARCH u USING INDEX u_c (c=?)",
    "   `--UNION ALL",
    "      `--SCAN u USING COVERING INDEX u_c",
    "QUERY PLAN",
    "`--SCAN t",
    "n",
    "0",
    "",
  ]);
  t.deepEqual(
    [code, stderr],
    [1, "latchdb shell: line 8: .explain takes a statement on the same line\n"],
  );
});

test("a command that the shell has not: exit code 1, and its line", async (t) => {
  for (const [input, message] of [
    [".tabels\n", "line 1: unknown command .tabels: .help lists the commands"],
    ["\n.mode html\n", "line 2: .mode takes one of table, line, json, csv"],
    [".timer\n", "line 1: .timer takes one of on, off"],
  ] as const) {
    const { code, stderr } = await run(["shell", ":memory:"], { input });
    t.deepEqual([code, stderr], [1, `latchdb shell: ${message}\n`]);
  }
});

test("a transaction that the script leaves open: rolled back, exit code 1", async (t) => {
  const { code, stderr } = await run(["shell", ":memory:"], { input: "BEGIN; SELECT 1;" });
  t.is(code, 1);
  t.is(stderr, "latchdb shell: the transaction was left open, and is rolled back\n");
});

test("a token in the URL is refused, and printed nowhere", async (t) => {
  for (const args of [
    ["shell", "https://h.example/?authToken=SECRET"],
    ["query", "libsql://h.example?tls=1&authtoken=SECRET", "SELECT 1"],
    ["copy", ":memory:", "https://h.example/?authToken=SECRET"],
  ]) {
    const { code, stdout, stderr } = await run(args);
    t.is(code, 1);
    t.regex(stderr, /the URL has a token/);
    t.notRegex(stdout + stderr, /SECRET/);
  }
  const missing = await run([
    "shell",
    "https://h.example/",
    "--auth-token-env",
    "NO_SUCH_VARIABLE",
  ]);
  t.regex(missing.stderr, /environment variable NO_SUCH_VARIABLE,.* is not set/);
});

test("a token in the text of an error is not shown", (t) => {
  process.env["LATCHDB_TEST_TOKEN"] = "a-token-of-a-test";
  connect("http://127.0.0.1:1", "LATCHDB_TEST_TOKEN").close();
  t.is(errorText(new Error("no table a-token-of-a-test")), "no table ***");
});

test("a script keeps no history", async (t) => {
  const state = await temporaryDirectory(t);
  const env = { LATCHDB_HISTORY: join(state, "history") };
  await run(["shell", ":memory:"], { input: "SELECT 1;", env });
  const { stdout } = await run(["query", ":memory:", "SELECT 2 AS two"], { env });
  t.is(stdout, "two\n───\n  2\n");
  t.deepEqual(await readdir(state), []);
});
