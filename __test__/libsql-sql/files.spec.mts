/**
 * Files between the stock client and latchdb, both ways: the table "Files between stock and latchdb" of COMPAT.md.
 * One side makes a file, the other reads it and writes to it, the first one reads that.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { temporaryDirectory } from "../support/database.mjs";
import { startSide, type Side } from "./sides.mjs";

interface Feature {
  make: string[];
  write: string[];
  read: string[];
  /** The side that can make it, where it is one alone. */
  onlyBy?: Side["name"];
}

const stock = startSide("stock");
const latchdb = startSide("latchdb");
test.after.always(async () => {
  await stock.end();
  await latchdb.end();
});

const values = `(1, 'ünïcode', 1.5, x'00ff', null, 9007199254740991),
  (2, '', -1e300, x'', 'text', -1), (3, 'a' || char(10) || 'b', 0.1, zeroblob(9000), 7, 1)`;

/** What goes both ways: each side reads and writes what the other one has made. */
const features: Record<string, Feature> = {
  "tables, indexes, views, triggers, foreign keys": {
    make: [
      `create table p (id integer primary key autoincrement, name text collate nocase unique)`,
      `create table c (a integer primary key, s text default 'x', r real check (r < 1e308), b blob, any,
        n numeric not null, p integer references p on delete cascade deferrable initially deferred)`,
      `create table w (k text, n int, primary key (k, n desc)) without rowid`,
      `create index ci on c (s desc, r) where n > 0`,
      `create index ce on c (lower(s), n + 1)`,
      `create view v as select s, count(*) as n from c group by s`,
      `create trigger tr after insert on c begin insert or ignore into w values (new.s, new.a); end`,
      `insert into p (name) values ('one'), ('two')`,
      `insert into c (a, s, r, b, any, n) values ${values}`,
    ],
    write: [
      `insert into c (s, n, p) values ('more', 5, 1)`,
      `update c set s = s || '!', any = 1 where a < 3`,
      `delete from c where a = 3`,
      `insert into p (name) values ('ONE')`,
      `insert into c (n, p) values (1, 77)`,
      `delete from p where id = 1`,
      `alter table c add column more text default 'm'`,
      `alter table w rename to w2`,
      `alter table c rename column any to whatever`,
    ],
    read: [
      `select *, typeof(r), typeof(n) from c order by a`,
      `select s from c indexed by ci where n > 0 order by s desc`,
      `select * from v order by s`,
      `select * from p`,
      `select * from sqlite_sequence`,
      `select type, name, tbl_name, sql from sqlite_schema order by name`,
    ],
  },
  "STRICT tables": {
    make: [
      `create table s (i integer primary key, t text, r real, b blob, a any) strict`,
      `insert into s values (1, 'x', 1, x'01', '01'), (2, null, 2.5, null, 3)`,
    ],
    write: [`insert into s (t, a) values ('y', 1.5)`, `insert into s (r) values ('no number')`],
    read: [`select *, typeof(r), typeof(a) from s`],
  },
  "generated columns": {
    make: [
      `create table g (a int, b text, c text generated always as (b || a) virtual,
        d int as (a * 2) stored)`,
      `create index gi on g (c)`,
      `insert into g (a, b) values (1, 'x'), (2, 'y')`,
    ],
    write: [`insert into g (a, b) values (3, 'z')`, `update g set a = a + 10`],
    read: [`select * from g order by a`, `select a from g indexed by gi where c = 'z13'`],
  },
  "JSON and JSONB": {
    make: [
      `create table j (id integer primary key, t text check (json_valid(t)), b blob)`,
      `create index ji on j (json_extract(t, '$.a'))`,
      `insert into j values (1, '{"a":1,"b":[1,2.5,"x\\u00e9",null,true]}', jsonb('{"a":{"b":[1,2,3]}}'))`,
      `insert into j values (2, '[]', jsonb('"' || hex(zeroblob(500)) || '"'))`,
    ],
    write: [
      `insert into j values (3, json_object('a', 5), jsonb_array(1, 'two', 3.5))`,
      `update j set b = jsonb_set(b, '$.a.b[1]', 99), t = json_insert(t, '$.z', 1) where id = 1`,
      `insert into j values (4, 'no json', null)`,
    ],
    read: [
      `select id, t, json(b), b, t ->> '$.a', json_array_length(t) from j order by id`,
      `select id from j indexed by ji where json_extract(t, '$.a') > 0 order by id`,
      `select j.id, e.key, e.value from j, json_each(j.t) e order by j.id, e.key`,
    ],
  },
  FTS5: {
    make: [
      `create virtual table f using fts5 (title, body, tokenize = 'porter unicode61', prefix = '2 3')`,
      `create table doc (id integer primary key, text)`,
      `create virtual table x using fts5 (text, content = 'doc', content_rowid = 'id')`,
      `create trigger dx after insert on doc begin insert into x (rowid, text) values (new.id, new.text); end`,
      `insert into f values ('one', 'the running fox'), ('two', 'it ran, ÜBER')`,
      `insert into doc (text) values ('alpha beta'), ('beta gamma')`,
    ],
    write: [
      `insert into f values ('three', 'runs again')`,
      `delete from f where title = 'one'`,
      `update f set body = 'run run' where title = 'two'`,
      `insert into doc (text) values ('beta delta')`,
      `insert into f (f) values ('optimize')`,
      `insert into f (f) values ('integrity-check')`,
      `insert into x (x) values ('integrity-check')`,
    ],
    read: [
      `select title, highlight(f, 1, '<', '>') from f where f match 'run' order by rank, rowid`,
      `select rowid from x where x match 'beta NOT gamma' order by rowid`,
      `select title from f where f match 'bod* OR ru*' order by rowid`,
    ],
  },
  "FTS3, FTS4 and R-Tree": {
    make: [
      `create virtual table f3 using fts3 (a, b)`,
      `create virtual table f4 using fts4 (a, tokenize = porter)`,
      `create virtual table r using rtree (id, x0, x1, y0, y1)`,
      `insert into f3 values ('one two', 'three')`,
      `insert into f4 values ('running')`,
      `insert into r values (1, 0, 1, 0, 1), (2, 5, 6, 5, 6)`,
    ],
    write: [
      `insert into f3 values ('two', 'four')`,
      `insert into f4 values ('runs')`,
      `insert into r values (3, 0.5, 2, 0.5, 2)`,
      `delete from r where id = 1`,
    ],
    read: [
      `select docid from f3 where f3 match 'two' order by docid`,
      `select a from f4 where f4 match 'run' order by docid`,
      `select * from r where x1 > 1 order by id`,
    ],
  },
  "page size, auto_vacuum, UTF-16, application_id": {
    make: [
      `pragma page_size = 8192`,
      `pragma auto_vacuum = incremental`,
      `pragma encoding = 'UTF-16le'`,
      `pragma application_id = 77`,
      `pragma user_version = 5`,
      `create table t (a text)`,
      `insert into t values ('ünïcode'), (hex(zeroblob(20000)))`,
    ],
    write: [`delete from t where length(a) > 100`, `insert into t values ('💚')`, `vacuum`],
    read: [
      `select a, length(a) from t order by a`,
      `select * from pragma_page_size, pragma_auto_vacuum, pragma_encoding`,
      `select * from pragma_application_id, pragma_user_version`,
    ],
  },
  "ANALYZE, with sqlite_stat4": {
    make: [
      `create table t (a, b)`,
      `create index ti on t (a, b)`,
      `with recursive n (i) as (select 1 union all select i + 1 from n limit 500)
        insert into t select i % 7, i from n`,
      `analyze`,
    ],
    write: [`insert into t values (1, 2)`, `analyze`],
    read: [`select count(*), sum(b) from t where a = 3 and b > 100`, `select * from sqlite_stat1`],
  },
  "columns that stock has changed by ALTER COLUMN": {
    make: [
      `create table u (id integer primary key, name text, age text, n int default 1)`,
      `create table a (id integer primary key, u int)`,
      `create index un on u (name, age)`,
      `insert into u (name, age) values ('x', '07'), (null, 'old')`,
      `alter table u alter column name to name text not null default 'none'`,
      `alter table u alter column age to age integer`,
      `alter table u alter column n to n real default (1 + 1)`,
      `alter table a alter column u to u int references u (id) on delete cascade`,
    ],
    write: [
      `insert into u (age) values ('08')`,
      `insert into u (name) values (null)`,
      `insert into a (u) values (1), (2)`,
      `insert into a (u) values (99)`,
      `delete from u where id = 1`,
      `update u set name = 'y' where name is null`,
    ],
    read: [
      `select *, typeof(name), typeof(age), typeof(n) from u order by id`,
      `select id from u indexed by un where name >= '' order by name, age`,
      `select * from a`,
      `select * from pragma_table_xinfo('u')`,
    ],
    onlyBy: "stock",
  },
  "vectors without an index": {
    make: [
      `create table t (id integer primary key, e F32_BLOB(3), f F64_BLOB(2), b F1BIT_BLOB(9))`,
      `insert into t values (1, vector('[1,2,3]'), vector64('[1,0.1]'), vector1bit('[1,-1,1,1,1,1,1,1,1]'))`,
      `insert into t values (2, vector('[3,2,1]'), vector64('[0,2]'), null)`,
    ],
    write: [
      `insert into t values (3, vector32('[0,0,1]'), vector64('[1e-3,5]'), null)`,
      `update t set e = vector('[9,9,9]') where id = 1`,
      `vacuum`,
    ],
    read: [
      `select id, e, f, b, vector_extract(e) from t order by id`,
      `select id from t order by vector_distance_l2(e, '[1,1,1]')`,
    ],
  },
};

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

test.serial("stock → latchdb: RANDOM ROWID is refused, and nothing is changed", async (t) => {
  const file = join(await temporaryDirectory(t), "random.db");
  await stock.answers(file, [
    "create table r (id integer primary key, a) random rowid",
    "create table t (a)",
    "insert into r (a) values (1)",
  ]);
  const refused = /^error: SQLITE_CORRUPT: .*RANDOM ROWID, which only libSQL knows.*use libSQL/;
  for (const answer of await latchdb.answers(file, [
    "select * from t",
    "insert into t values (1)",
    "select * from sqlite_schema",
    "vacuum",
  ])) {
    t.regex(answer, refused);
  }
  t.deepEqual(await stock.answers(file, ["select a from r", "pragma integrity_check"]), [
    "[[1]]",
    '[["ok"]]',
  ]);
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
