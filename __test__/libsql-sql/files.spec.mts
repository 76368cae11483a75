/**
 * Files between the stock client and latchdb, both ways: the table "Files between stock and latchdb" of COMPAT.md.
 * One side makes a file, the other reads it and writes to it, the first one reads that.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { createClient } from "latchdb";
import { temporaryDirectory } from "../support/database.mjs";
import { features } from "./file-features.mjs";
import { startSide } from "./sides.mjs";

const stock = startSide("stock");
const latchdb = startSide("latchdb");
test.after.always(async () => {
  await stock.end();
  await latchdb.end();
});

for (const [i, [title, feature]] of Object.entries(features).entries()) {
  const { make, write, read, onlyBy } = feature;
  for (const [maker, other] of [
    [stock, latchdb],
    [latchdb, stock],
  ] as const) {
    if (onlyBy !== undefined && onlyBy !== maker.name) continue;
    const mode = (i % 2 === 0) === (maker === stock) ? "wal" : "delete";
    test.serial(`${maker.name} → ${other.name}: ${title} (${mode})`, async (t) => {
      const directory = await temporaryDirectory(t);
      const [shared, own] = ["shared.db", "own.db"].map((name) => join(directory, name)) as [
        string,
        string,
      ];
      const first = make.findIndex((sql) => !sql.startsWith("pragma"));
      const begin = [
        ...make.slice(0, first),
        `pragma journal_mode = ${mode}`,
        ...make.slice(first),
      ];
      for (const file of [shared, own]) t.deepEqual(errorsOf(await maker.answers(file, begin)), []);
      const look = [...read, "pragma integrity_check", "pragma foreign_key_check"];
      const made = await maker.answers(shared, look);
      t.deepEqual(errorsOf(made), []);
      t.deepEqual(await other.answers(shared, look), made, "what was made is read");
      // The maker itself does the same to a file that is its own.
      const expected = await maker.answers(own, write);
      t.deepEqual(await other.answers(shared, write), expected, "the same writes succeed");
      const written = await maker.answers(own, look);
      t.deepEqual(await other.answers(shared, look), written, "what was written is read");
      t.deepEqual(await maker.answers(shared, look), written, "the maker reads it");
    });
  }
}

for (const [maker, other] of [
  [stock, latchdb],
  [latchdb, stock],
] as const) {
  test.serial(`${maker.name} → ${other.name}: the WAL of a killed process`, async (t) => {
    const file = join(await temporaryDirectory(t), "wal.db");
    const killed = startSide(maker.name);
    const made = await killed.answersAndStays(file, [
      "pragma journal_mode = wal",
      "create table t (a)",
      "insert into t values (1), (2)",
      "insert into t values (hex(zeroblob(10000)))",
    ]);
    await killed.kill();
    t.deepEqual(errorsOf(made), []);
    t.true(statSync(`${file}-wal`).size > 20_000);
    const look = ["select count(*), sum(length(a)) from t", "pragma integrity_check"];
    t.deepEqual(await other.answers(file, look), ["[[3,20002]]", '[["ok"]]']);
    t.deepEqual(await other.answers(file, ["insert into t values (3)"]), ["[]"]);
    t.deepEqual(await maker.answers(file, look), ["[[4,20003]]", '[["ok"]]']);
  });
}

for (const mode of ["wal", "delete"]) {
  test.serial(`stock and latchdb, in turns on an open file (${mode})`, async (t) => {
    const file = join(await temporaryDirectory(t), "both.db");
    const pragma = `pragma journal_mode = ${mode}`;
    await stock.answersAndStays(file, [pragma, "create table t (a integer primary key, by)"]);
    for (let i = 0; i < 10; i++) {
      const side = i % 2 === 0 ? latchdb : stock;
      const answers = await side.answersAndStays(file, [
        `insert into t (by) values ('${side.name}')`,
        "select count(*), max(a) from t",
        ...(i === 5 ? ["alter table t add column c", "create index tc on t (c, by)"] : []),
      ]);
      t.is(answers[1], `[[${i + 1},${i + 1}]]`);
    }
    for (const side of [stock, latchdb]) {
      const found = await side.answers(file, ["select * from t", "pragma integrity_check"]);
      t.is((JSON.parse(found[0] ?? "") as unknown[]).length, 10);
      t.is(found[1], '[["ok"]]');
    }
  });
}

test.serial(
  "stock → latchdb: a table with RANDOM ROWID is read, and copied, but not inserted into",
  async (t) => {
    const file = join(await temporaryDirectory(t), "random.db");
    await stock.answers(file, [
      "create table r (id integer primary key, a) random rowid",
      "create index ri on r (a)",
      "create table t (a, random rowid)",
      "create view v as select a from r",
      "create trigger tr after insert on t when new.a = 99 begin insert into r (a) values (1); end",
      "insert into r (a) values (1), (2)",
      "insert into t (a) values (7), (8)",
    ]);
    const read = "select count(*), sum(a), sum(id > 1000) from r where a > 0";
    const answers = async (statements: string[]): Promise<string[]> =>
      await latchdb.answers(file, statements);
    t.deepEqual(
      await answers([
        read,
        "select a from v order by a",
        "select a from t",
        "pragma integrity_check",
      ]),
      ["[[2,3,2]]", "[[1],[2]]", "[[7],[8]]", '[["ok"]]'],
    );
    const refused =
      /^error: RANDOM_ROWID_NOT_SUPPORTED: the table r is RANDOM ROWID, which only libSQL knows/;
    const inserts = [
      "insert into r (a) values (3)",
      "insert into r (a) values (3) returning a",
      "replace into main.r (a) values (3)",
      "insert into t (a) values (5)",
      "vacuum",
    ];
    for (const answer of await answers(inserts)) t.regex(answer, refused);
    const [modified, ...done] = await answers([
      "update sqlite_schema set sql = null",
      "delete from t where a = 8",
      "update r set a = 20 where a = 2",
      "alter table t add column b",
      "create table u (a)",
      "drop table u",
      "create table copy as select * from r",
    ]);
    t.regex(modified ?? "", /table sqlite_master may not be modified/);
    t.deepEqual(new Set(done), new Set(["[]"]));
    t.deepEqual(
      await stock.answers(file, [
        read,
        "insert into r (a) values (4)",
        "select count(*) from r",
        "pragma integrity_check",
      ]),
      ["[[2,21,2]]", "[]", "[[3]]", '[["ok"]]'],
    );
    t.deepEqual(
      await answers([
        "drop table r",
        "alter table copy rename to r",
        "insert into r (a) values (9)",
        "vacuum",
      ]),
      ["[]", "[]", "[]", "[]"],
    );
    t.deepEqual(await stock.answers(file, ["select sum(a) from r", "pragma integrity_check"]), [
      "[[30]]",
      '[["ok"]]',
    ]);
  },
);

test.serial(
  "stock → latchdb: a table with RANDOM ROWID that comes and goes while the file is open",
  async (t) => {
    const file = join(await temporaryDirectory(t), "random.db");
    const client = createClient({ url: `file:${file}` });
    t.teardown(() => client.close());
    await client.executeMultiple(
      "pragma journal_mode = wal; create table t (a); create table r (a)",
    );
    const insert = "insert into r values (1)";
    for (let i = 0; i < 4; i++) await client.execute(insert);
    await stock.answers(file, ["drop table r", "create table r (a) random rowid"]);
    const refused = { code: "RANDOM_ROWID_NOT_SUPPORTED", message: /the table r is RANDOM ROWID/ };
    for (let i = 0; i < 4; i++) await t.throwsAsync(client.execute(insert), refused);
    await t.throwsAsync(client.batch([insert], "write"), refused);
    await t.throwsAsync(client.executeMultiple(`select 1; ${insert}`), refused);
    await t.throwsAsync(
      client.transaction((tx) => tx.execute(insert)),
      refused,
    );
    for (let i = 0; i < 4; i++) await client.execute("insert into t values (1)");
    let rows = 0;
    for await (const _ of client.iterate("select * from t")) rows++;
    t.is(rows, 4);
    await stock.answers(file, ["drop table r", "create table r (a)"]);
    for (let i = 0; i < 4; i++) await client.execute(insert);
    t.is((await client.execute("select count(*) as n from r")).rows[0]?.["n"], 4);
    t.is((await client.execute("pragma integrity_check")).rows[0]?.[0], "ok");
    await t.throwsAsync(client.execute("update sqlite_schema set sql = null"), {
      message: /may not be modified/,
    });
  },
);

test.serial(
  "stock → latchdb: a function that latchdb does not have is an error where it is used",
  async (t) => {
    const file = join(await temporaryDirectory(t), "function.db");
    await stock.answers(file, ["create table t (a)", "create view x as select readfile('none')"]);
    const answers = await latchdb.answers(file, ["insert into t values (1)", "select * from x"]);
    t.deepEqual(answers, ["[]", "error: SQLITE_ERROR: no such function: readfile"]);
  },
);

const vectors = [
  "create table t (id integer primary key, e F32_BLOB(2))",
  "create index ti on t (libsql_vector_idx(e))",
  "create table w (id text primary key, e F32_BLOB(2)) without rowid",
  "create index wi on w (libsql_vector_idx(e, 'metric=l2')) where id <> 'x'",
  "insert into t values (1, vector('[1,0]')), (2, vector('[0,1]')), (3, null)",
  "insert into w values ('a', vector('[1,0]')), ('b', vector('[0,1]')), ('x', vector('[1,0]'))",
];
const searches = [
  "select id from t",
  "select id from vector_top_k('ti', '[1,0.1]', 5)",
  "select id from vector_top_k('wi', '[1,0.1]', 5)",
  "pragma integrity_check",
];
const found = ["[[1],[2],[3]]", "[[1],[2]]", '[["a"],["b"]]', '[["ok"]]'];

test.serial("stock → latchdb: vector indexes", async (t) => {
  const file = join(await temporaryDirectory(t), "vectors.db");
  t.deepEqual(errorsOf(await stock.answers(file, vectors)), []);
  t.deepEqual(await latchdb.answers(file, searches), found);
});

test.serial("stock → latchdb: vector indexes that VACUUM has damaged", async (t) => {
  const file = join(await temporaryDirectory(t), "vacuum.db");
  const made = await stock.answers(file, [...vectors, "vacuum", "pragma integrity_check"]);
  t.regex(made.at(-1) ?? "", /libsql_vector_meta_shadow/);
  t.deepEqual(await latchdb.answers(file, searches), found);
  t.deepEqual(await latchdb.answers(file, ["vacuum", ...searches]), ["[]", ...found]);
});

test.serial("stock → latchdb: a vector index behind a DELETE of all rows", async (t) => {
  const file = join(await temporaryDirectory(t), "delete.db");
  const insert = "insert into t values (1, vector('[1,0]')), (2, vector('[0,1]')), (3, null)";
  const made = await stock.answers(file, [...vectors, "delete from t", insert]);
  t.regex(made.at(-1) ?? "", /failed to insert shadow row/);
  t.deepEqual(await latchdb.answers(file, [insert, ...searches]), ["[]", ...found]);
  const again = await latchdb.answers(file, ["delete from t", insert, ...searches]);
  t.deepEqual(again, ["[]", "[]", ...found]);
});

test.serial("latchdb → stock: vector indexes are read over, and not written to", async (t) => {
  const file = join(await temporaryDirectory(t), "ours.db");
  t.deepEqual(errorsOf(await latchdb.answers(file, vectors)), []);
  t.deepEqual(await stock.answers(file, ["select id from t", "pragma integrity_check"]), [
    "[[1],[2],[3]]",
    '[["ok"]]',
  ]);
  const refused = [
    "select id from vector_top_k('ti', '[1,0.1]', 5)",
    "insert into t (id) values (9)",
    "update t set e = null where id = 1",
    "delete from t where id = 1",
    "reindex",
    "vacuum",
  ];
  t.is(errorsOf(await stock.answers(file, refused)).length, refused.length);
  t.deepEqual(await latchdb.answers(file, searches), found);
  const anew = ["ti", "wi"].map((name) => `drop index ${name}`);
  const again = vectors.filter((sql) => sql.startsWith("create index"));
  const changed = await stock.answers(file, [
    ...anew,
    ...again,
    "insert into t values (4, vector('[1,0.1]'))",
    "select id from vector_top_k('ti', '[1,0.1]', 1)",
    "delete from t where id = 4",
  ]);
  t.deepEqual(changed, ["[]", "[]", "[]", "[]", "[]", "[[4]]", "[]"]);
  t.deepEqual(await latchdb.answers(file, searches), found);
});

/** What SQLite 3.45.1 lacks: whether it reads the other tables of the file, and what it says of this one. */
const newer: Array<[title: string, sql: string, rest: "read" | "refused", answer: RegExp]> = [
  ["1_000", "create table x (a default 1_000)", "refused", /malformed .*"1_000"/],
  [
    "iif() with many arguments",
    "create table x (a check (iif(a > 1, 1, a < 0, 1)))",
    "refused",
    /malformed .*iif\(\)/,
  ],
  [
    "RAISE of an expression",
    "create trigger x after insert on t begin select raise(abort, 'x' || new.a) where 0; end",
    "refused",
    /malformed .*syntax error/,
  ],
  ["if()", "create table x (a, b as (if(a, 1, 2)))", "read", /unknown function: if\(\)/],
  ["unistr()", "create view x as select unistr('a')", "read", /no such function: unistr/],
  [
    "FTS5 with contentless_unindexed",
    "create virtual table x using fts5 (a, content = '', contentless_unindexed = 1)",
    "read",
    /unrecognized option: "contentless_unindexed"/,
  ],
  [
    "FTS5 with locale",
    "create virtual table x using fts5 (a, locale = 1)",
    "read",
    /unrecognized option: "locale"/,
  ],
];

for (const [title, sql, rest, answer] of newer) {
  test.serial(`latchdb → stock: what SQLite 3.45.1 lacks: ${title}`, async (t) => {
    const file = join(await temporaryDirectory(t), "newer.db");
    const made = await latchdb.answers(file, [
      "create table t (a)",
      sql,
      "insert into t values (1)",
    ]);
    t.deepEqual(errorsOf(made), []);
    const look = ["select count(*) from t", "insert into t values (2)", "select * from x"];
    const [count, insert, x] = await stock.answers(file, look);
    if (rest === "read") t.deepEqual([count, insert], ["[[1]]", "[]"]);
    else t.true(errorsOf([count ?? "", insert ?? ""]).length === 2);
    t.regex(x ?? "", answer);
    const rows = rest === "read" ? 2 : 1;
    const still = await latchdb.answers(file, ["select count(*) from t", "pragma integrity_check"]);
    t.deepEqual(still, [`[[${rows}]]`, '[["ok"]]']);
  });
}

function errorsOf(answers: readonly string[]): string[] {
  return answers.filter((answer) => answer.startsWith("error"));
}
