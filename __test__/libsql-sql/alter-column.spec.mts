import test, { type ExecutionContext } from "ava";
import type { LatchClient } from "latchdb";
import {
  openClient,
  openUrl,
  selectColumn,
  selectValue,
  temporaryDatabase,
} from "../support/database.mjs";
import { answer } from "./answers.mjs";
import { stockAnswers } from "./stock.mjs";

// libSQL's ALTER TABLE … ALTER COLUMN … TO …

const schema = [
  "create table u (id integer primary key)",
  `create table t (a integer primary key, b text /* two */ default 'q', "c" varchar(3) , i int, u int unique, tg text,
     g int as (a * 2), check (tg <> 'z'))`,
  "create index ti on t (i)",
  "create view v as select a, tg from t",
  "create trigger tr after insert on t begin update t set tg = 'y' where a = new.a; end",
  "create table st (x integer, y text) strict",
  "create table w (k integer primary key, v text) without rowid",
  "create virtual table f using fts5(x)",
  "create temp table tt (x)",
  "create table p (a int, b int, primary key (a, b))",
  "insert into t (a, b, i, u) values (1, '7', 3, 4)",
];
const after = [
  "select sql from sqlite_schema where name in ('t', 'st', 'w', 'p') union all select sql from sqlite_temp_schema",
  "insert into t (a, i) values (9, '5')",
  "insert into t (a, b) values (10, null)",
  "select a, b, typeof(b), i, typeof(i), u, tg, g from t",
];

const statements = [
  "alter table t alter column b to b integer not null default 5",
  "ALTER TABLE `t` ALTER COLUMN \"b\" TO \"b\" text NOT NULL DEFAULT 'it''s';\n",
  "alter table t alter column b to b",
  "alter table main.t alter column b to b text references u(id) on delete cascade",
  "alter table t alter column b to b text collate nocase",
  "alter table t alter column b to b text not null on conflict replace default 'x'",
  "alter table t alter column b to b text constraint k check (length(b) < 3); select 1",
  "alter table t alter column a to a integer primary key not null",
  'alter table t alter column "B" to "B" text',
  "alter table st alter column x to x text",
  "alter table tt alter column x to x text",
  "alter table p alter column b to b text",
  // Refused:
  "alter table t alter column b to c text",
  "alter table t alter column nope to nope text",
  "alter table t alter column rowid to rowid text",
  "alter table nope alter column b to b text",
  "alter table t alter column b to b text unique",
  "alter table t alter column i to i int unique",
  "alter table t alter column u to u int",
  "alter table t alter column a to a text",
  "alter table w alter column k to k text",
  "alter table t alter column g to g int",
  "alter table t alter column b to b text generated always as (a + 1)",
  "alter table t alter column b to b text,",
  "alter table t alter column b to b text check (",
  "alter table v alter column a to a text",
  "alter table f alter column x to x text",
  "alter table sqlite_schema alter column name to name text",
];

test("alters, and refuses, as stock does", async (t) => {
  const runs = statements.map((sql) => [...schema, sql, ...after]);
  const stock = await stockAnswers(runs.flatMap((run) => [...run, null]));
  for (const [i, run] of runs.entries()) {
    const client = await openClient(t);
    const answers = [];
    for (const sql of run) answers.push(await answer(client, sql));
    const length = run.length + 1;
    t.deepEqual(answers, stock.slice(i * length, (i + 1) * length - 1), statements[i]);
    for (const table of ["t", "u", "v", "st", "w", "p"])
      await client.execute(`select * from ${table}`);
    client.close();
  }
});

async function withTable(t: ExecutionContext, script: string): Promise<LatchClient> {
  const client = await openClient(t);
  await client.executeMultiple(script);
  return client;
}

for (const [sql, message] of [
  [
    "alter table t alter column b to b text primary key",
    /PRIMARY KEY constraint cannot be altered/,
  ],
  ["alter table t alter column a to a int primary key", /PRIMARY KEY constraint cannot be altered/],
  ["alter table t alter column b to b text default (c)", /default value of column \[b\] is not/],
  ["alter table t alter column b to b text check (nope > 1)", /no such column: nope/],
  ["alter table t alter column b to b text collate nope", /no such collation sequence: nope/],
  ["alter table s alter column x to x nonsense", /unknown datatype for s\.x/],
  [
    "alter table w alter column k to k text collate nocase primary key",
    /PRIMARY KEY constraint cannot/,
  ],
] as const) {
  test(`refused, in SQLite's words or libSQL's: ${sql}`, async (t) => {
    const client = await withTable(
      t,
      `create table t (a integer primary key, b text, c);
       create table s (x int) strict;
       create table w (k text primary key) without rowid;
       insert into t values (1, 2, 3)`,
    );
    const before = await selectColumn(client, "select sql from sqlite_schema");
    await t.throwsAsync(client.execute(sql), { message, code: "SQLITE_ERROR" });
    t.deepEqual(await selectColumn(client, "select sql from sqlite_schema"), before);
    t.is(await selectValue(client, "select count(*) from t"), 1);
  });
}

test("nothing is altered beside a view that is broken, as with stock", async (t) => {
  const run = [
    "create table t (a, b text)",
    "create view v as select missing from t",
    "alter table t alter column b to b int",
    "select sql from sqlite_schema where name = 't'",
  ];
  const client = await openClient(t);
  const answers = [];
  for (const sql of run) answers.push(await answer(client, sql));
  t.regex(answers[2] ?? "", /error in view v/);
  t.deepEqual(answers, await stockAnswers(run));
});

test("a new default changes no row, also none that is older than the column", async (t) => {
  const client = await withTable(
    t,
    `create table t (a integer primary key, u unique); create table log (x);
     insert into t (a) values (1), (2);
     alter table t add column b text default 'old' check (b <> 'bad');
     alter table t add column c int;
     alter table t add column d as (b || '!');
     create index tb on t (b);
     create trigger tr after update on t begin insert into log values (1); end;
     insert into t (a) values (3);
     pragma ignore_check_constraints = on; insert into t (a, b) values (4, 'bad');
     pragma ignore_check_constraints = off`,
  );
  const before = (await client.execute("select * from t")).rows.map((row) => Array.from(row));
  await client.execute("alter table t alter column b to b text default 'new'");
  await client.execute("alter table t alter column c to c int default 7");
  const { rows } = await client.execute("select * from t");
  t.deepEqual(
    rows.map((row) => Array.from(row)),
    before,
  );
  t.deepEqual(await selectColumn(client, "select a from t where b = 'old' order by a"), [1, 2, 3]);
  t.deepEqual(await selectColumn(client, "select * from log"), []);
  t.is(await selectValue(client, "pragma ignore_check_constraints"), 0);
  await client.execute("insert into t (a) values (5)");
  t.is(await selectValue(client, "select b || c from t where a = 5"), "new7");
});

test("a new default changes no row of a table WITHOUT ROWID beside an index of the column", async (t) => {
  const client = await withTable(
    t,
    `create table t (a integer primary key) without rowid; insert into t values (1), (2);
     alter table t add column b text default 'old'; create index tb on t (b)`,
  );
  await client.execute("alter table t alter column b to b text default 'new'");
  t.deepEqual(await selectColumn(client, "select b from t order by a"), ["old", "old"]);
  t.is(await selectValue(client, "pragma integrity_check"), "ok");
});

test("an index keeps its order, or the statement is refused", async (t) => {
  const client = await withTable(
    t,
    `create table t (a integer primary key, b text, c text); create index tb on t (b);
     insert into t (b) values ('x'), ('X'), ('y'), ('10')`,
  );
  await client.execute("alter table t alter column b to b text collate nocase");
  t.is(await selectValue(client, "pragma integrity_check"), "ok");
  t.is(await selectValue(client, "select count(*) from t where b = 'x'"), 2);
  const alter = "alter table t alter column b to b int";
  await t.throwsAsync(client.execute(alter), { message: /the index tb has values that .*UPDATE/ });
  await client.executeMultiple(
    `drop index tb; ${alter}; update t set b = b; create index tb on t (b)`,
  );
  t.is(await selectValue(client, "select count(*) from t where b = 10"), 1);
  t.is(await selectValue(client, "pragma integrity_check"), "ok");

  await client.executeMultiple(
    "create unique index tc on t (c); insert into t (c) values ('z'), ('Z')",
  );
  await t.throwsAsync(client.execute("alter table t alter column c to c text collate nocase"), {
    message: /UNIQUE constraint failed/,
  });
  t.is(await selectValue(client, "select count(*) from t where c = 'z'"), 1);
  t.is(await selectValue(client, "pragma integrity_check"), "ok");
});

test("an index knows what the new definition reads: numbers of another kind, generated values", async (t) => {
  const changes = [
    ["create index i on t (typeof(b))", "b to b real", "typeof(b) = 'real'", 2],
    [
      "create index i on t (a) where typeof(b) = 'integer'",
      "b to b real",
      "typeof(b) = 'integer'",
      0,
    ],
    ["create index i on t (typeof(r))", "r to r int", "typeof(r) = 'integer'", 2],
    ["create index i on t (g)", "g to g int as (a + 10)", "g > 10", 2],
    ["create index i on t (g)", "g to g text as (a * 2)", "g > ''", 2],
    ["create index i on t (h)", "g to g int as (a + 10)", "h > 110", 2],
  ] as const;
  for (const [index, change, condition, count] of changes) {
    const client = await withTable(
      t,
      `create table t (a integer primary key, b int, r real, g int as (a * 2), h as (g + 100));
       insert into t (b, r) values (1, 1), (2, 2); ${index}`,
    );
    await client.execute(`alter table t alter column ${change}`);
    t.is(await selectValue(client, "pragma integrity_check"), "ok", change);
    for (const how of ["", "not indexed"]) {
      const sql = `select count(*) from t ${how} where ${condition}`;
      t.is(await selectValue(client, sql), count, `${change}: ${sql}`);
    }
    client.close();
  }
  // A number that the new type reads as another one.
  const client = await withTable(
    t,
    "create table t (b int); create index tb on t (b); insert into t values (9007199254740993)",
  );
  const toReal = client.execute("alter table t alter column b to b real");
  await t.throwsAsync(toReal, { message: /the index tb has values/ });
});

test("a default is changed of a column that is a key, and no value with the type of an old default", async (t) => {
  for (const key of ["unique", "primary key"]) {
    const client = await withTable(
      t,
      `create table t (b text ${key} default 'x', c) ${key === "unique" ? "" : "without rowid"};
       insert into t values ('q', 1)`,
    );
    await client.execute(`alter table t alter column b to b text ${key} default 'y'`);
    t.is(await selectValue(client, "insert into t (c) values (2) returning b"), "y");
    t.is(await selectValue(client, "pragma integrity_check"), "ok");
  }
  const client = await withTable(
    t,
    "create table t (a); insert into t values (1); alter table t add column c int default 5",
  );
  await client.execute("pragma count_changes = on");
  await client.execute("alter table t alter column c to c text default 5");
  t.is(await selectValue(client, "select c from t"), 5);
  await client.execute("pragma count_changes = off");
  t.is(await selectValue(client, "insert into t (a) values (2) returning c"), "5");
});

for (const index of ["on t (k) where c > 1", "on t (c + 1)", "on t (k, (\"C\" || ''))"]) {
  test(`a value that compares in another way keeps the type, beside an index ${index}`, async (t) => {
    const client = await withTable(
      t,
      `create table t (k integer primary key, c any); insert into t values (4, 1); create index i ${index}`,
    );
    const alter = "alter table t alter column c to c text";
    await t.throwsAsync(client.execute(alter), { message: /the index i has values that/ });
    await client.executeMultiple(
      `drop index i; ${alter}; update t set c = c; create index i ${index}`,
    );
    t.is(await selectValue(client, "pragma integrity_check"), "ok");
  });
}

test("a column with a vector index keeps its type", async (t) => {
  const run = [
    "create table t (id integer primary key, e F32_BLOB(3))",
    "create index ti on t (libsql_vector_idx(e))",
    "alter table t alter column e to e blob",
    "alter table t alter column e to e F32_BLOB(3) not null",
    "select sql from sqlite_schema where name = 't'",
  ];
  const client = await openClient(t);
  const answers = [];
  for (const sql of run) answers.push(await answer(client, sql));
  t.deepEqual(answers, await stockAnswers(run));
  await t.throwsAsync(client.execute("alter table t alter column e to e F32_BLOB(4)"), {
    message: /the vector index ti is for F32_BLOB\(3\); drop the index first/,
  });
  await client.executeMultiple("drop index ti; alter table t alter column e to e F32_BLOB(4)");
});

test("AUTOINCREMENT can be added", async (t) => {
  const client = await withTable(
    t,
    "create table t (a integer primary key); insert into t values (7)",
  );
  await client.execute("alter table t alter column a to a integer primary key autoincrement");
  await client.executeMultiple(
    "insert into t default values; delete from t; insert into t default values",
  );
  t.deepEqual(await selectColumn(client, "select a from t"), [9]);
  t.is(await selectValue(client, "pragma integrity_check"), "ok");
});

const alter = "alter table t alter column b to b text not null";

for (const [way, run] of Object.entries({
  execute: (client: LatchClient) => client.execute(alter),
  batch: (client: LatchClient) =>
    client.batch(["insert into t values (5, 6)", alter, "select b from t"]),
  migrate: (client: LatchClient) => client.migrate([alter, alter, "create index x on t (b)"]),
  executeMultiple: (client: LatchClient) =>
    client.executeMultiple(`select 1; ${alter}; -- and\n${alter}; insert into t values (6, 6)`),
  async transaction(client: LatchClient) {
    const transaction = await client.transaction("write");
    await transaction.execute(alter);
    await transaction.commit();
  },
  async savepoint(client: LatchClient) {
    await client.execute("begin");
    await client.execute("savepoint s");
    await client.execute(alter);
    await client.execute("release s");
    await client.execute("commit");
  },
})) {
  test(`works in ${way}, and other connections see it`, async (t) => {
    const { open } = await temporaryDatabase(t);
    const client = open();
    await client.executeMultiple(
      "pragma journal_mode = wal; create table t (a, b text); insert into t values (1, 2)",
    );
    const others = [open(), open()];
    for (const other of others) await other.execute("select * from t");
    await run(client);
    for (const one of [client, ...others]) {
      await t.throwsAsync(one.execute("insert into t values (9, null)"), {
        message: /NOT NULL constraint failed/,
      });
      t.is(await selectValue(one, "select b from t where a = 1"), "2");
    }
    t.is(await selectValue(client, "pragma integrity_check"), "ok");
  });
}

test("a rollback takes it back", async (t) => {
  const client = await withTable(
    t,
    "create table t (a, b text default 'x'); insert into t (a) values (1)",
  );
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t (a) values (2)");
  await transaction.execute("alter table t alter column b to b text not null default 'y'");
  await transaction.execute("insert into t (a) values (3)");
  await transaction.rollback();
  await client.execute("insert into t values (4, null)");
  t.deepEqual(await selectColumn(client, "select b from t"), ["x", null]);
  t.is(
    await selectValue(client, "select sql from sqlite_schema"),
    "CREATE TABLE t (a, b text default 'x')",
  );
  // One that fails leaves the rest of its transaction.
  const other = await client.transaction("write");
  await other.execute("insert into t (a) values (5)");
  await t.throwsAsync(other.execute("alter table t alter column b to b text unique"), {
    code: "SQLITE_ERROR",
  });
  await other.commit();
  t.is(await selectValue(client, "select count(*) from t"), 3);
});

test("an attached table, and one that hides another", async (t) => {
  const client = await withTable(t, "create table t (b text); create table s (b text)");
  const { file } = await temporaryDatabase(t);
  await client.executeMultiple(
    `attach '${file}' as o; create table o.t (b text); create table o.u (b text)`,
  );
  await client.executeMultiple("create temp table s (b text); create temp table temp_t (x)");
  for (const table of ["o.t", "u", "s"])
    await client.execute(`alter table ${table} alter column b to b int`);
  const sql = (name: string) => selectColumn(client, `select sql from ${name}.sqlite_schema`);
  t.deepEqual(await sql("main"), ["CREATE TABLE t (b text)", "CREATE TABLE s (b text)"]);
  t.deepEqual(await sql("o"), ["CREATE TABLE t (b int)", "CREATE TABLE u (b int)"]);
  t.deepEqual(await sql("temp"), ["CREATE TABLE s (b int)", "CREATE TABLE temp_t (x)"]);
});

test("a transaction that only reads, a file that is read only, query_only: refused", async (t) => {
  const { open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a, b text)");
  const transaction = await client.transaction("read");
  await t.throwsAsync(transaction.execute(alter), { message: /read-?only/ });
  transaction.close();
  await client.execute("pragma query_only = on");
  await t.throwsAsync(client.execute(alter), { code: "SQLITE_READONLY" });
});

test("an abort leaves the old definition or the new one, and the call says which", async (t) => {
  const client = openUrl(t, (await temporaryDatabase(t)).url);
  await client.executeMultiple(
    `create table t (a, b text); create index tb on t (b);
     with recursive n (i) as (select 1 union all select i + 1 from n limit 20000) insert into t select i, i from n`,
  );
  const definitions = ["b text collate nocase", "b text"];
  let aborted = 0;
  for (let i = 0; i < 20; i++) {
    const [wanted = "", former = ""] = i % 2 === 0 ? definitions : definitions.toReversed();
    const signal = AbortSignal.timeout(i);
    const sql = `alter table t alter column b to ${wanted}`;
    const altered = await client.execute({ sql, signal }).then(
      () => true,
      () => false,
    );
    const found = await selectValue(client, "select sql from sqlite_schema where name = 't'");
    t.is(found, `CREATE TABLE t (a, ${altered ? wanted : former})`);
    t.is(await selectValue(client, "pragma integrity_check"), "ok");
    if (!altered) {
      aborted++;
      await client.execute(sql);
    }
  }
  t.log(`${aborted} of 20 were aborted`);
});
