// A text is split into statements as `sqlite3_complete()` does.
import test from "ava";
import { splitStatements, StatementSplitter } from "./modules.mjs";

const trigger = `CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN
  SELECT CASE WHEN 1 THEN 2 END; SELECT 'end;';
END;`;

const texts: Array<[text: string, ...statements: string[]]> = [
  ["SELECT 1; SELECT 2;", "SELECT 1;", "SELECT 2;"],
  ["SELECT 1", "SELECT 1"],
  [""],
  [" ;; -- only a comment\n/* and ; another */ ;"],
  ["SELECT ';', \"a;b\", `c;`, [d;], 'it''s;';", "SELECT ';', \"a;b\", `c;`, [d;], 'it''s;';"],
  ["SELECT 1 -- no; end\n; SELECT /* ; */ 2;", "SELECT 1 -- no; end\n;", "SELECT /* ; */ 2;"],
  [`${trigger} SELECT 3;`, trigger, "SELECT 3;"],
  [`EXPLAIN ${trigger}`, `EXPLAIN ${trigger}`],
  ["CREATE TABLE t (a, trigger); SELECT 1;", "CREATE TABLE t (a, trigger);", "SELECT 1;"],
  ["SELECT 'open; quote", "SELECT 'open; quote"],
  ["SELECT 'two\nlines;'\n;\nSELECT 2;", "SELECT 'two\nlines;'\n;", "SELECT 2;"],
];

for (const [text, ...statements] of texts) {
  test(`splits ${JSON.stringify(text)}, whole and line by line`, (t) => {
    t.deepEqual(
      splitStatements(text).map(({ sql }) => sql),
      statements,
    );
    const splitter = new StatementSplitter();
    const found = text.split("\n").flatMap((line) => splitter.read(`${line}\n`));
    t.deepEqual(
      [...found, ...splitter.end()].map(({ sql }) => sql),
      statements,
    );
  });
}

test("a statement has the line on which it begins", (t) => {
  const text = "-- one\n/* two\nthree */ SELECT '\n';\n\n  SELECT 2;";
  t.deepEqual(
    splitStatements(text).map(({ line }) => line),
    [3, 6],
  );
});

test("it is known whether a statement has begun", (t) => {
  const splitter = new StatementSplitter();
  for (const [line, isPending] of [
    ["-- nothing\n", false],
    ["/* a comment\n", true],
    ["*/\n", false],
    ["SELECT\n", true],
    ["1; SELECT '\n", true],
    ["';\n", false],
  ] as const) {
    splitter.read(line);
    t.is(splitter.isPending, isPending, line);
  }
});
