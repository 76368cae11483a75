/**
 * Names that are not UTF-8, in a schema that another program has written. SQLite takes any bytes. They
 * come as text with U+FFFD, and nothing is printed on stderr. A JavaScript string cannot spell such a name,
 * so views and triggers with names of ASCII lead to them. The stock client ends the process where it reads
 * such a name.
 */
import test from "ava";
import type { ExecutionContext } from "ava";
import { openUrl, selectColumn, temporaryDatabase } from "../support/database.mjs";
import { startHelper } from "../support/helper-process.mjs";

/** Stands for the bytes FF 80 in the schema below. */
const PLACE = "XX";
const BAD = "\ufffd\ufffd";

const schema = `
  create table t${PLACE} (a${PLACE} n${PLACE}, plain text);
  insert into t${PLACE} values ('one', 'p');
  create index i${PLACE} on t${PLACE} (a${PLACE});
  create table log (what text);
  create table named (c${PLACE} d${PLACE}, good integer);
  insert into named values (1, 2);
  create view all_of as select * from t${PLACE};
  create view v${PLACE} as select a${PLACE} as b${PLACE}, plain || '${PLACE}' from t${PLACE};
  create view nested as select * from v${PLACE};
  create trigger g${PLACE} after insert on log begin insert into t${PLACE} values ('two', new.what); end;
  create table parent (id integer primary key);
  create table child${PLACE} (p${PLACE} references parent (id));
  pragma foreign_keys = off;
  insert into child${PLACE} values (7);
  create table e (x);
  create trigger bad_end after insert on e begin select raise(abort, 'no ${PLACE}'); end;
  create view broken as select missing${PLACE} from log;
  pragma writable_schema = on;
  update sqlite_schema set
    name = cast(replace(name, '${PLACE}', x'ff80') as text),
    tbl_name = cast(replace(tbl_name, '${PLACE}', x'ff80') as text),
    sql = cast(replace(sql, '${PLACE}', x'ff80') as text);
  pragma writable_schema = reset;
`;

async function databaseWithNames(t: ExecutionContext): Promise<string> {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.executeMultiple(schema);
  client.close();
  return database.url;
}

/** Runs statements in a process, and sees to it that it prints nothing on stderr. */
async function run(t: ExecutionContext, url: string, statements: string[]): Promise<unknown[]> {
  const program = startHelper("run-statements", [url, JSON.stringify(statements)]);
  const { code, signal, lines, errors } = await program.ended;
  t.deepEqual({ code, signal, errors }, { code: 0, signal: null, errors: "" });
  return lines.map((line) => JSON.parse(line) as unknown);
}

function result(columns: string[], columnTypes: string[], rows: unknown[][]): object {
  return { columns, columnTypes, rows, rowsAffected: 0, lastInsertRowid: null };
}

test("tables, columns, declared types and views are read", async (t) => {
  const url = await databaseWithNames(t);
  const answers = await run(t, url, [
    "select * from named",
    "select * from named limit 0",
    "select * from all_of",
    "select * from nested",
    "select good from named where rowid = (select count(*) from all_of)",
  ]);
  const named = [`c${BAD}`, "good"];
  const types = [`d${BAD}`, "INTEGER"];
  t.deepEqual(answers, [
    result(named, types, [[1, 2]]),
    result(named, types, []),
    result([`a${BAD}`, "plain"], [`n${BAD}`, "TEXT"], [["one", "p"]]),
    result([`b${BAD}`, `plain || '${BAD}'`], [`n${BAD}`, ""], [["one", `p${BAD}`]]),
    result(["good"], ["INTEGER"], [[2]]),
  ]);
});

test("the names themselves are read, by sqlite_schema and PRAGMAs", async (t) => {
  const url = await databaseWithNames(t);
  const client = openUrl(t, url);
  const names = await selectColumn(client, "select name from sqlite_schema where type <> 'view'");
  t.true([`t${BAD}`, `i${BAD}`, `g${BAD}`, `child${BAD}`].every((name) => names.includes(name)));
  const sql = "from sqlite_schema s, pragma_NAME(s.name) p where s.type = 'table'";
  const answers = await run(t, url, [
    `select p.name ${sql.replace("NAME", "table_info")} and s.name like 'child%'`,
    `select p.name ${sql.replace("NAME", "index_list")}`,
    `select p."from" ${sql.replace("NAME", "foreign_key_list")}`,
    "pragma foreign_key_check",
    "pragma integrity_check",
    "select count(*) from pragma_table_list where name like 't_%' and type = 'table'",
  ]);
  t.deepEqual(answers, [
    result(["name"], [""], [[`p${BAD}`]]),
    result(["name"], [""], [[`i${BAD}`]]),
    result(["from"], [""], [[`p${BAD}`]]),
    result(
      ["table", "rowid", "parent", "fkid"],
      ["", "", "", ""],
      [[`child${BAD}`, 1, "parent", 0]],
    ),
    result(["integrity_check"], [""], [["ok"]]),
    result(["count(*)"], [""], [[1]]),
  ]);
});

test("such a table is written by a trigger, and RETURNING names its columns", async (t) => {
  const url = await databaseWithNames(t);
  const answers = await run(t, url, [
    "insert into log values ('x')",
    "select plain from all_of",
    "insert into named values (3, 4) returning *",
    "explain query plan select * from all_of",
  ]);
  t.like(answers[0], { rowsAffected: 1 });
  t.deepEqual(answers[1], result(["plain"], ["TEXT"], [["p"], ["x"]]));
  t.like(answers[2], { columns: [`c${BAD}`, "good"], rowsAffected: 1, rows: [[3, 4]] });
  t.like(answers[3], { rows: [[2, 0, 216, `SCAN t${BAD}`]] });
});

test("an error with such a name is an error of its own", async (t) => {
  const url = await databaseWithNames(t);
  const answers = await run(t, url, ["insert into e values (1)", "select * from broken"]);
  t.deepEqual(answers, [
    { code: "SQLITE_CONSTRAINT", message: `SQLITE_CONSTRAINT: no ${BAD}` },
    { code: "SQLITE_ERROR", message: `SQLITE_ERROR: no such column: missing${BAD}` },
  ]);
});

test("an attached database may have such a name", async (t) => {
  const { url } = await temporaryDatabase(t);
  const answers = await run(t, url, [
    "attach ':memory:' as a",
    "attach ':memory:' as (cast(x'ff' as text))",
    "select name from pragma_database_list order by seq desc limit 1",
    "create table a.t (x)",
    "select * from a.t",
    "create table libsql_vector_meta_shadow (x)",
    "attach ':memory:' as z",
    "create table z.t (x)",
    "select * from z.t",
  ]);
  t.deepEqual(answers[2], result(["name"], [""], [["\ufffd"]]));
  t.deepEqual(answers[4], result(["x"], [""], []));
  t.deepEqual(answers[8], result(["x"], [""], []));
});

test("columns that an ALTER on another connection gives such names are read again", async (t) => {
  const database = await temporaryDatabase(t);
  const [reader, writer] = [database.open(), database.open()];
  await writer.executeMultiple("create table t (a); insert into t values (1)");
  for (let i = 0; i < 3; i++) await reader.execute("select * from t");
  await writer.executeMultiple(`
    pragma writable_schema = on;
    update sqlite_schema set sql = cast('create table t (b' || x'ff' || ')' as text) where name = 't';
    pragma writable_schema = reset;
    create table changes_the_schema (x);
  `);
  const { columns } = await reader.execute("select * from t");
  t.deepEqual(columns, ["b\ufffd"]);
});
