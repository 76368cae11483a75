/** Scripts by hand: one for each thing that a caller might do. */
import { recipeNames } from "./script.mjs";
import type { Argument, Arguments, Script, Statement, Step, Target } from "./script.mjs";

export interface Case extends Partial<Omit<Script, "steps">> {
  title: string;
  steps: Step[];
}

// --- steps ----------------------------------------------------------------------------------------

const first: Target = "transaction 1";
const second: Target = "transaction 2";

function execute(sql: string, args?: Arguments, on: Target = "client"): Step {
  return { on, call: "execute", statement: { sql, args } };
}

function executeSql(sql: string, args?: Arguments): Step {
  return { on: "client", call: "executeSql", statement: { sql, args } };
}

/** Anything as the statement of `execute`. */
function executeWrong(wrong: unknown): Step {
  return { on: "client", call: "execute", statement: { wrong } };
}

function executeMultiple(sql: string, on: Target = "client"): Step {
  return { on, call: "executeMultiple", sql };
}

function batch(statements: Array<string | Statement>, mode?: unknown, on: Target = "client"): Step {
  return { on, call: "batch", statements: statements.map(asStatement), mode };
}

function migrate(statements: Array<string | Statement>): Step {
  return { on: "client", call: "migrate", statements: statements.map(asStatement) };
}

function begin(mode?: "write" | "deferred" | "read", as: Target = first): Step {
  return { on: "client", call: "transaction", as, ...(mode === undefined ? {} : { mode }) };
}

function call(name: "commit" | "rollback" | "close" | "reconnect" | "sync", on: Target): Step {
  return { on, call: name };
}

function asStatement(statement: string | Statement): Statement {
  return typeof statement === "string" ? { sql: statement } : statement;
}

// --- tables to work on ----------------------------------------------------------------------------

const people = executeMultiple(`
  create table person (id integer primary key, name text unique not null, age int check (age > 0));
  create table child (id integer primary key, person_id references person (id));
  create table later (person_id references person (id) deferrable initially deferred);
  create table strict_table (a int, b text, c blob) strict;
  create table plain (a, b, c);
  create trigger guard before delete on person begin select raise(abort, 'nope!'); end;
  insert into person values (1, 'Ada', 36), (2, 'Grace', 85);
`);

const allPeople = execute("select * from person order by id");

const intModes = ["number", "bigint", "string"] as const;

// --- values ---------------------------------------------------------------------------------------

const values: Array<{ title: string; value: Argument }> = [
  ...[0, -0, 1, -7, 1.5, 1e300, 5e-324, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 2 ** 63, -(2 ** 63)].map(
    (value) => ({ title: `the number ${Object.is(value, -0) ? "-0" : value}`, value }),
  ),
  ...[0n, 1n, -1n, 2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)].map(
    (value) => ({ title: `the bigint ${value}`, value }),
  ),
  ...[2n ** 63n, -(2n ** 63n) - 1n, NaN, Infinity, -Infinity].map((value) => ({
    title: `${typeof value} ${value}, which is refused`,
    value,
  })),
  ...["", "hello", "it's", 'say "x"', "line\nbreak", "žluťoučký kůň", "日本語 😀", "\ufeffbom"].map(
    (value) => ({ title: `the text ${JSON.stringify(value)}`, value }),
  ),
  { title: "a lone high surrogate", value: "a\ud800b" },
  { title: "a lone low surrogate", value: "\udc00" },
  { title: "text with NUL", value: "a\0b" },
  { title: "U+2028", value: "a\u2028b" },
  { title: "null", value: null },
  { title: "undefined", value: undefined },
  { title: "true", value: true },
  { title: "false", value: false },
  { title: "a date", value: new Date("2024-05-06T07:08:09.123Z") },
  { title: "a date before 1970", value: new Date(-1) },
  { title: "an invalid date", value: new Date(NaN) },
  { title: "an ArrayBuffer", value: new Uint8Array([0, 1, 254, 255]).buffer },
  { title: "an empty ArrayBuffer", value: new ArrayBuffer(0) },
  { title: "a Uint8Array", value: new Uint8Array([0, 1, 254, 255]) },
  { title: "an empty Uint8Array", value: new Uint8Array(0) },
  ...recipeNames
    .filter((make) => make !== "Float64Array at an offset" && make !== "DataView at an offset")
    .map((make) => ({ title: `a ${make}`, value: { make } })),
];

/** What the stock client refuses, or what it binds without its offset: it must not be stored. */
const boundByUsAlone = ["Float64Array at an offset", "DataView at an offset"] as const;

const viewCases: Case[] = boundByUsAlone.map((make) => ({
  title: `a ${make} as an argument`,
  database: "memory",
  steps: [execute("select ? as value, typeof(?1) as type", [{ make }])],
}));

const valueCases: Case[] = values.flatMap(({ title, value }) =>
  intModes.map((intMode) => ({
    title: `${title} as an argument, intMode ${intMode}`,
    database: "memory",
    config: { intMode },
    steps: [
      execute("create table t (any_column, i integer, r real, t text, b blob, n numeric)"),
      execute(
        `select ? as v, typeof(?1) as t, iif(typeof(?1) = 'real', '', hex(?1)) as h,
         iif(typeof(?1) = 'real', 0, length(?1)) as n`,
        [value],
      ),
      execute("insert into t values (:v, :v, :v, :v, :v, :v)", { named: [["v", value]] }),
      execute("select * from t"),
      execute("select typeof(any_column), typeof(i), typeof(r), typeof(t), typeof(b) from t"),
      batch([{ sql: "select ?", args: [value] }]),
    ],
  })),
);

const integerResults: Case[] = intModes.map((intMode) => ({
  title: `integers at the limits, intMode ${intMode}`,
  database: "memory",
  config: { intMode },
  steps: [
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740991",
    "-9007199254740992",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "9e999",
    "-9e999",
    "-0.0",
    "0.1 + 0.2",
    "zeroblob(3)",
    "null",
    "true",
    "count(*)",
    "json('{\"a\":[1,2]}')",
    "jsonb('[1]')",
  ].map((expression) => execute(`select ${expression} as value`)),
}));

// --- the cases ------------------------------------------------------------------------------------

const columnNames = [
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "toString",
  "toJSON",
  "valueOf",
  "then",
  "length",
  "0",
  "1",
  "2",
  "-1",
  "01",
  "1.5",
  "",
  " ",
  "a b",
  'say "x"',
  "it's",
  "a\nb",
  "a\\b",
  "a`${b}`",
  "a\u2028b",
  "日本語",
  "😀",
  "Symbol.iterator",
];

const columnCases: Case[] = columnNames.flatMap((name) => {
  const quoted = `"${name.replaceAll('"', '""')}"`;
  return [
    {
      title: `a column called ${JSON.stringify(name).replace("\u2028", "\\u2028")}`,
      database: "memory",
      steps: [
        execute(`select 1 as ${quoted}`),
        execute(`select 'x' as a, 'y' as ${quoted}`),
        execute(`select 'y' as ${quoted}, 'x' as a`),
        execute(`select 'y' as ${quoted}, 'z' as ${quoted}, 'x' as a`),
        execute(`create table t (${quoted} text, a int)`),
        execute(`insert into t values ('p', 1), ('q', 2) returning *`),
        execute("select * from t"),
        execute(
          `with recursive n (i) as (select 1 union all select i + 1 from n where i < 150)
           select i as a, 'v' || i as ${quoted} from n`,
        ),
      ],
    },
  ];
});

const argumentCases: Case[] = [
  {
    title: "positional arguments",
    steps: [
      execute("select ?, ?", [1]),
      execute("select ?", [1, 2]),
      execute("select ?"),
      execute("select ?", []),
      execute("select ?2 as b, ?1 as a", ["a", "b"]),
      execute("select ?3 as c, ?1 as a", ["a", "b", "c"]),
      execute("select ?2 as b, ? as c, ?3 as c2", ["a", "b", "c"]),
      execute("select :a, :b", ["a", "b"]),
      execute("select :b, ?1, @a, $c, :b", ["a", "b", "c", "d"]),
      execute("select 1", [1, 2, 3]),
      executeSql("select ? as x", [5]),
      executeSql("select 1 as x"),
      executeSql("select :x as x", { named: [["x", 5]] }),
    ],
  },
  {
    title: "named arguments",
    steps: [
      execute("select :a, @b, $c", { named: [["a", 1], ["b", 2], ["c", 3]] }), // prettier-ignore
      execute("select :a, @b, $c", { named: [[":a", 1], ["@b", 2], ["$c", 3]] }), // prettier-ignore
      execute("select :a, @a, $a", { named: [["a", 1]] }),
      execute("select :a, @a, $a", { named: [[":a", 1], ["@a", 2], ["$a", 3]] }), // prettier-ignore
      execute("select :a, :b", { named: [["a", 1]] }),
      execute("select :a", { named: [["a", 1], ["b", 2]] }), // prettier-ignore
      execute("select :a", { named: [] }),
      execute("select 1", { named: [["a", 1]] }),
      execute("select ?1", { named: [["1", "one"]] }),
      execute("select ?1", { named: [["?1", "one"]] }),
      execute("select :a", { named: [["A", 1]] }),
      execute("select :__proto__, :constructor", { named: [["__proto__", 1], ["constructor", 2]] }), // prettier-ignore
      execute("select :constructor, :toString"),
      execute("select :constructor, :toString", { named: [] }),
      execute("select $a::b, $a::b(c)", { named: [["a::b", 1], ["a::b(c)", 2]] }), // prettier-ignore
      execute("select :ž, :日本", { named: [["ž", 1], ["日本", 2]] }), // prettier-ignore
      execute("select :a", { named: [["::a", 1]] }),
      execute("select :a", { named: [["", 1]] }),
      execute("select :a", { named: [["a", undefined]] }),
      execute("select 1 as x", { named: [["a", undefined]] }),
      execute("select 1 as x", { named: [["a", NaN]] }),
      execute("select 1 as x", [{ make: "object" }]),
      execute("select 1 as x", { named: [["a", { make: "object" }]] }),
    ],
  },
  {
    title: "what is no statement",
    steps: [
      undefined,
      null,
      7,
      true,
      [],
      {},
      ["select 1"],
      { sql: null },
      { sql: 7 },
      { sql: undefined },
      { sql: "select 1 as a", args: null },
      { sql: "select 1 as a", args: undefined },
      { sql: "select 1 as a", args: 0 },
      { sql: "select :a as a", args: "" },
      { sql: "select :a as a", args: false },
      { sql: "select 1 as a", args: 5 },
      { sql: "select :a as a", args: "x" },
      { sql: "select :a as a", args: new Map([["a", 1]]) },
      { sql: "select :a as a", args: new Set([1]) },
      { sql: "select ?, ? as a", args: [1, , 3] }, // oxlint-disable-line no-sparse-arrays
    ].map(executeWrong),
  },
];

const deadlyCases: Case[] = [
  execute("select ?", { named: [["a", 1]] }),
  execute("select ?, :a", { named: [["a", 1], ["1", "one"]] }), // prettier-ignore
  executeWrong({ sql: "select ? as a" }),
  executeWrong({ sql: "select ? as a", args: null }),
  executeWrong({ sql: "select ? as a", args: "x" }),
  executeWrong({ sql: "select ? as a", args: 7 }),
  executeWrong({ sql: "select ? as a", args: new Map([["a", 1]]) }),
  executeWrong({ sql: "select ? as a", args: new Uint8Array([5]) }),
].map((step, index) => ({
  title: `arguments of the wrong kind, number ${index + 1}`,
  database: "memory" as const,
  steps: [step],
}));

const sqlCases: Case[] = [
  {
    title: "several statements in execute",
    steps: [
      execute("select 1 as a; select 2 as b"),
      execute("select 1 as a; nonsense"),
      execute("create table t (a); insert into t values (1)"),
      execute("select * from t"),
      execute("; select 1 as a"),
      execute(" ; ; select 1 as a"),
      execute("-- comment\nselect 1 as a"),
      execute("/* comment */ select 1 as a /* more"),
      execute("select 1 as a -- more"),
      execute("select 1 as a;;; "),
      execute("select 1 as a\0 select 2"),
      execute("select 'a\0b' as a"),
      execute("\ufeffselect 1 as a"),
      execute("select '\ud800' as a"),
      execute("\u00a0select 1"),
    ],
  },
  {
    title: "no statement",
    steps: ["", " ", "\n\t", ";", ";;", "-- comment", "/* comment */", "/* open", "\0"].flatMap(
      (sql) => [execute(sql), executeMultiple(sql), batch([sql]), batch(["select 1", sql])],
    ),
  },
  {
    title: "what fails",
    steps: [
      people,
      ...[
        "NOT SQL",
        "select",
        "select * from nope",
        "select nope from person",
        'select "nope" from person',
        "select nope(1)",
        "select abs()",
        "select abs(1, 2)",
        "select * from person where",
        "select 'open",
        'select "open',
        "select [open",
        "select x'1'",
        "select 1 +",
        "select 1 from (select 2",
        "select 1)",
        "insert into person values (1)",
        "insert into person (nope) values (1)",
        "insert into nope values (1)",
        "update person set nope = 1",
        "update nope set a = 1",
        "delete from nope",
        "create table person (a)",
        "create table if not exists person (a)",
        "create table t (a, a)",
        "create table t ()",
        "create index i on nope (a)",
        "drop table nope",
        "drop table if exists nope",
        "drop view person",
        "drop index person",
        "alter table nope rename to n",
        "alter table person add column name",
        "alter table person drop column nope",
        "alter table person drop column id",
        "commit",
        "rollback",
        "release s",
        "rollback to s",
        "insert into person (name) values ('Ada')",
        "insert into person values (1, 'Eve', 1)",
        "insert into person (name) values (null)",
        "insert into person (name, age) values ('Eve', -1)",
        "insert into person (id, name) values ('x', 'Eve')",
        "insert into child values (1, 99)",
        "insert into strict_table (a) values ('x')",
        "insert into strict_table (c) values ('x')",
        "insert into strict_table (b) values (x'00')",
        "delete from person",
        "update person set name = 'Ada'",
        "update person set id = 1 where id = 2",
        "insert into later values (99)",
        "replace into person values (3, 'Ada', 1)",
        "insert or ignore into person values (1, 'Ada', 1)",
        "insert or fail into person values (5, 'Five', 1), (1, 'Ada', 1)",
        "insert or rollback into person values (1, 'Ada', 1)",
        "insert or abort into person values (6, 'Six', 1), (1, 'Ada', 1)",
        "insert into person values (1, 'Ada', 1) on conflict do nothing",
        "insert into person values (1, 'Ada', 1) on conflict (id) do update set age = 40",
        "insert into person values (1, 'Ada', 1) on conflict (age) do nothing",
        "select raise(abort, 'x')",
        "select sum(a) over () from nope",
        "select max(max(age)) from person",
        "select * from person group by 5",
        "select * from person order by 9",
        "select 1 union select 1, 2",
        "values (1), (2, 3)",
        "select json('{')",
        "select json_extract('{}', 'a')",
        "select * from json_each('{')",
        "select abs(-9223372036854775808)",
        "select 9223372036854775807 + 1",
        "select sum(x) from (select 9223372036854775807 as x union all select 1)",
        "select zeroblob(-1)",
        "select length(zeroblob(2000000000))",
        "select printf('%d %s', 1, 'a')",
        "select 'a' like 'b' escape 'cc'",
        "select 1 regexp 'a'",
        "select length(uuid())",
        "select median(age) from person",
        "select count(*) from generate_series(1, 3)",
        "select readfile('nowhere')",
        "select log(0)",
        "select last_rows_affected()",
        "select json_pretty('[1]')",
        "select iif(0, 1)",
        "select log(100)",
        "select pow(2, 3)",
        "select ceil(1.5)",
        "select sqrt(-1)",
        "select 'a' match 'b'",
        "select load_extension('x')",
        "select fts5()",
        "select 1/0, 1%0, 1.0/0",
        "select cast('9e99' as int), cast('x' as int), cast(1.9 as int)",
        "explain select 1",
        "explain query plan select * from person where id = 1",
        "analyze",
        "reindex",
        "reindex nope",
        "vacuum",
        "vacuum into ''",
        "attach 'nowhere/at/all.db' as a",
        "detach nope",
        "pragma nope",
        "pragma table_info(person)",
        "pragma user_version",
        "pragma user_version = 7",
        "pragma user_version",
        "pragma foreign_keys",
        "pragma journal_mode",
        "pragma encoding",
        "pragma integrity_check",
        "pragma quick_check",
        "pragma foreign_key_check",
        "pragma foreign_key_list(child)",
        "pragma index_list(person)",
        "pragma writable_schema",
        "pragma recursive_triggers",
        "create virtual table v using nope",
        "create virtual table v using fts5(a)",
        "insert into v values ('hello world')",
        "select * from v where v match 'hello'",
        "select * from v where v match '\"'",
        "select highlight(v, 0, '[', ']') from v where v match 'hello'",
        "drop table v",
        "create view w as select id, name as called from person order by id",
        "select * from w",
        "insert into w values (1, 'x')",
        "create temp table tt (a)",
      ].map((sql) => execute(sql)),
      allPeople,
    ],
  },
  {
    title: "what statements count",
    steps: [
      people,
      ...[
        "insert into person values (10, 'Ten', 1)",
        "insert into person (name) values ('Eleven'), ('Twelve')",
        "update person set age = 50 where id > 9",
        "update person set age = 50 where id > 99",
        "delete from child",
        "insert into child (person_id) values (1), (1), (2)",
        "delete from child where id = 1",
        "create table more (a)",
        "insert into more select id from person",
        "insert into more select id from person where 0",
        "insert into more default values",
        "drop table more",
        "replace into person values (10, 'Ten', 2)",
        "insert or ignore into person values (10, 'Ten', 2)",
        "insert into person values (10, 'Ten', 1) on conflict do nothing",
        "insert into person values (10, 'Ten', 1) on conflict (id) do update set age = 3",
        "with x as (select 1) insert into child (person_id) select * from x",
        "with x as (select 1) update child set person_id = 2 where id in (select * from x)",
        "with x as (select 3) delete from child where id in (select * from x)",
        "insert into child (person_id) values (1) returning id",
        "insert into child (person_id) values (1), (2) returning id, person_id as p",
        "update child set person_id = 1 returning id",
        "delete from child where id > 3 returning *",
        "insert into child (person_id) select 1 where 0 returning id",
        "create table w (k primary key, v) without rowid",
        "insert into w values (1, 2)",
        "replace into w values (1, 3)",
        "select changes(), total_changes() >= 0",
        "select last_insert_rowid()",
        "pragma user_version = 3",
        "create table copy as select * from person",
        "alter table copy add column extra",
        "create trigger t after insert on child begin insert into later values (1), (1); end",
        "insert into child (person_id) values (1)",
        "select last_insert_rowid()",
        "delete from later",
      ].map((sql) => execute(sql)),
    ],
  },
  {
    title: "types of columns",
    steps: [
      execute(
        `create table t (a int, b VARCHAR (20), c "double precision", d, e text not null default 'x',
         f decimal(10, 2), g blob, h boolean, i timestamp)`,
      ),
      execute("insert into t (a) values (1)"),
      execute("select * from t"),
      execute("select a as x, a + 1, b, count(*), rowid, t.f, (select g from t) from t"),
      execute("select * from t, t as u"),
      execute("select * from (select a, h from t)"),
      execute("create view v as select a, f as x from t"),
      execute("select * from v"),
      execute("select rowid, oid, _rowid_ from t"),
      execute("pragma table_info(t)"),
      execute("explain query plan select 1"),
      execute("select * from sqlite_schema"),
      execute("insert into t (a) values (2) returning *"),
    ],
  },
  {
    title: "dates, JSON and what SQLite computes",
    database: "memory",
    steps: [
      "select date('2024-01-31', '+1 month'), datetime(0, 'unixepoch'), julianday('2000-01-01')",
      "select strftime('%Y-%m-%d %H:%M:%f', '2024-01-31 10:11:12.345')",
      "select json_object('a', 1, 'b', json_array(1, 2)), json_type('[]'), '{\"a\":1}' -> 'a'",
      "select sin(1), power(2, 0.5), log10(10), pi(), sign(-2), exp(1), atan2(1, 2)",
      "select upper('ž'), lower('Ž'), unicode('😀'), char(128512), substr('日本語', 2, 1)",
      "select group_concat(x), string_agg(x, '-') from (select 1 as x union select 2)",
      "select iif(1, 2, 3), coalesce(null, 1), nullif(1, 1), typeof(1), quote('it''s')",
      "select quote(x'00ff'), quote(1.5), quote(null), quote(1e300), quote(0.1)",
      "select round(2.5), round(-0.4), 1e15, 1e16, 1e21, 1.0, 123456789012345678",
      "select cast(1e15 as text), cast(0.1 as text), cast(1e100 as text), 1.0 || ''",
      "select printf('%.3f', 2.0005), printf('%!.20g', 0.1), format('%5d|', 3)",
      "select * from json_each('[1, \"a\", null, true, 1.5]')",
      "select row_number() over (order by x), sum(x) over () from (select 1 as x union select 2)",
      "select sum(x), avg(x), total(x), max(x) from (select 1 as x where 0)",
      "select length(randomblob(4)), random() is not null",
      "select instr('hello', 'l'), trim('  a '), replace('aa', 'a', 'b'), 'a' || null",
      "select 'A' = 'a' collate nocase, 'a' < 'B', 1 < 'a', null is null, 1 is not 2",
    ].map((sql) => execute(sql)),
  },
];

const batchCases: Case[] = [
  ...(["write", "deferred", undefined] as const).map((mode) => ({
    title: `batches of mode ${mode}`,
    steps: [
      people,
      batch([], mode),
      batch(["select 1 as a", "select 2 as b"], mode),
      batch(["insert into child (person_id) values (1)", "select * from child"], mode),
      batch(["insert into child (person_id) values (2)", "NOT SQL", "select 1"], mode),
      batch(["insert into child (person_id) values (99)"], mode),
      batch(["insert into later values (99)", "select 1"], mode),
      batch(
        ["create table fresh (a)", "insert into fresh values (1)", "select * from fresh"],
        mode,
      ),
      batch([{ sql: "insert into plain values (?, ?, ?)", args: [1, "b", null] }], mode),
      batch([{ sql: "insert into plain values (?)", args: [undefined] }], mode),
      batch(["insert into plain values (7, 7, 7)", { sql: "select ?", args: [NaN] }], mode),
      batch(["insert into plain values (8, 8, 8)", "commit", "select 1"], mode),
      batch(["insert into plain values (9, 9, 9)", "rollback", "select 1"], mode),
      batch(["insert into plain values (10, 10, 10)", "commit"], mode),
      batch(["insert into plain values (11, 11, 11)", "rollback"], mode),
      batch(["begin"], mode),
      batch(["savepoint s", "insert into plain values (12, 12, 12)", "rollback to s"], mode),
      batch(["insert or rollback into person values (1, 'Ada', 1)", "select 1"], mode),
      batch(["select 1 as a; select 2 as b"], mode),
      batch(["insert into plain values (1, 2, 3) returning rowid", "select 9"], mode),
      batch(["pragma foreign_keys = off", "insert into child values (77, 99)"], mode),
      batch(["vacuum"], mode),
      batch(["select 9007199254740993 as a"], mode),
      batch(["insert into plain values (13, 13, 13)", "select 9007199254740993 as a"], mode),
      { on: "client" as const, call: "batch" as const, tuples: true, mode, statements: [{ sql: "select ? as a", args: [1] }, { sql: "select 2" }] }, // prettier-ignore
      execute("select * from plain"),
      execute("select * from child"),
      execute("select * from later"),
    ],
  })),
  {
    title: "batches of mode read, and of no mode at all",
    steps: [
      people,
      batch(["select 1 as a", "select * from person"], "read"),
      batch([], "read"),
      batch(["NOT SQL"], "read"),
      batch(["select 1"], "nonsense"),
      batch([], "nonsense"),
      batch(["select 1"], null),
      batch(["select 1"], ""),
      batch(["select 1"], "WRITE"),
      batch(["select 1"], 7),
    ],
  },
  {
    title: "an argument that is refused after SQL that is wrong",
    steps: [batch(["NOT SQL", { sql: "select ?", args: [undefined] }], "write")],
  },
  {
    title: "a write after a BEGIN that was refused the lock",
    config: { timeout: 5 },
    steps: [
      people,
      begin("write", second),
      batch([], "write"),
      call("commit", second),
      begin("deferred", first),
      execute("replace into plain (rowid, a) values (1, 'acknowledged')"),
      call("commit", first),
      begin("write", first),
      call("rollback", first),
      call("reconnect", "client"),
      execute("select * from plain"),
    ],
  },
  {
    title: "a write in a batch of mode read",
    steps: [people, batch(["insert into plain values (1, 2, 3)"], "read")],
  },
  {
    title: "migrations",
    steps: [
      people,
      execute("insert into child (person_id) values (1)"),
      migrate([]),
      migrate(["create table m (a)", "insert into m values (1)", "select * from m"]),
      migrate(["create table n (a)", "NOT SQL"]),
      execute("select name from sqlite_schema order by name"),
      migrate(["insert into child (person_id) values (99)"]),
      execute("pragma foreign_keys"),
      execute("pragma foreign_key_check"),
      migrate([{ sql: "insert into m values (?)", args: ["argument"] }]),
      migrate([{ sql: "insert into m values (?)", args: [NaN] }]),
      migrate(["commit", "select 1"]),
      execute("select * from m"),
    ],
  },
  {
    title: "foreign keys that were off before a migration",
    steps: [execute("pragma foreign_keys = off"), migrate([]), execute("pragma foreign_keys")],
  },
  {
    title: "a migration of tuples",
    steps: [
      { on: "client", call: "migrate", tuples: true, statements: [{ sql: "select 1 as a" }] },
    ],
  },
  {
    title: "several statements in executeMultiple",
    steps: [
      people,
      executeMultiple("select 1; select 2"),
      executeMultiple("insert into plain values (1, 1, 1); insert into plain values (2, 2, 2)"),
      executeMultiple("insert into plain values (3, 3, 3); NOT SQL; insert into plain values (4)"),
      executeMultiple("begin; insert into plain values (5, 5, 5)"),
      executeMultiple("begin; insert into plain values (6, 6, 6); commit"),
      executeMultiple("insert into plain values (7, 7, 7); select raise(abort, 'x')"),
      executeMultiple(
        "insert into person values (1, 'Ada', 1); insert into plain values (8, 8, 8)",
      ),
      executeMultiple("select ?; select :a"),
      executeMultiple("commit"),
      executeMultiple("create table t (a); ;; -- comment\n insert into t values (1) /* end"),
      executeMultiple("create trigger x after insert on t begin select 1; select 2; end; select 1"),
      execute("select * from plain"),
      execute("select * from t"),
    ],
  },
];

const transactionCases: Case[] = [
  ...(["write", "deferred", undefined] as const).flatMap((mode) =>
    (["commit", "rollback", "close"] as const).map((end) => ({
      title: `a transaction of mode ${mode} that ends by ${end}`,
      steps: [
        people,
        begin(mode),
        execute("insert into plain values (1, 2, 3)", undefined, first),
        execute("select * from plain", undefined, first),
        execute("NOT SQL", undefined, first),
        execute("insert into person values (1, 'Ada', 1)", undefined, first),
        batch(
          ["insert into plain values (4, 5, 6)", "select count(*) from plain"],
          undefined,
          first,
        ),
        batch(["insert into plain values (7, 8, 9)", "NOT SQL", "select 1"], undefined, first),
        batch([], undefined, first),
        executeMultiple("insert into plain values (10, 11, 12); select 1", first),
        executeMultiple("insert into plain values (13, 14, 15); NOT SQL", first),
        call(end, first),
        execute("select 1", undefined, first),
        batch(["select 1"], undefined, first),
        batch([], undefined, first),
        executeMultiple("select 1", first),
        call("rollback", first),
        call("close", first),
        call("commit", first),
        execute("select * from plain"),
      ],
    })),
  ),
  {
    title: "a read transaction",
    steps: [
      people,
      begin("read"),
      execute("select * from person order by id", undefined, first),
      batch(["select 1"], undefined, first),
      call("commit", first),
      call("commit", first),
    ],
  },
  {
    title: "what reads in a read transaction",
    steps: [
      people,
      begin("read"),
      ...[
        "explain query plan select * from person",
        "pragma table_info(person)",
        "pragma index_list(person)",
        "select name from pragma_table_info('plain')",
        "pragma foreign_key_check",
        "pragma integrity_check",
        "pragma quick_check",
        "pragma journal_mode",
        "pragma user_version",
        "pragma cache_size = 100",
        "pragma cache_size",
        "savepoint s",
        "rollback to s",
        "release s",
        "attach ':memory:' as m",
        "select count(*) from m.sqlite_schema",
      ].map((sql) => execute(sql, undefined, first)),
      call("commit", first),
    ],
  },
  {
    title: "EXPLAIN QUERY PLAN of writes in a read transaction",
    steps: [
      people,
      begin("read"),
      execute("explain query plan update plain set a = 1", undefined, first),
      execute("explain query plan delete from plain where a = 1", undefined, first),
      call("close", first),
    ],
  },
  {
    title: "TEMP tables in a read transaction",
    steps: [
      people,
      begin("read"),
      ...[
        "create temp table u (a integer primary key, b)",
        "create table temp.w as select name from person",
        "create index temp.by_b on u (b)",
        "create temp trigger tr after insert on u begin insert into w values (new.b); end",
        "create temp view v as select * from u",
        "insert into u values (1, 2)",
        "update u set b = 3",
        "alter table u add column c",
        "reindex temp.by_b",
        "pragma temp.user_version = 4",
        "create virtual table temp.f using fts5(b)",
        "insert into f values ('x')",
        "insert into f(f) values ('rebuild')",
        "select * from v, w, f",
        "drop view v",
        "drop trigger tr",
        "drop table u",
        "drop table f",
      ].map((sql) => execute(sql, undefined, first)),
      call("commit", first),
      execute("select * from person"),
    ],
  },
  {
    title: "a write in a read transaction",
    steps: [people, begin("read"), execute("insert into plain values (1, 2, 3)", undefined, first)],
  },
  {
    title: "a mode that is none",
    steps: [
      { on: "client", call: "transaction", as: first, mode: "nonsense" as "read" },
      { on: "client", call: "transaction", as: first, mode: null as unknown as "read" },
      execute("select 1"),
    ],
  },
  ...["commit", "rollback", "end", "insert or rollback into person values (1, 'Ada', 1)"].map(
    (sql) => ({
      title: `a transaction that ends by the statement ${sql}`,
      steps: [
        people,
        begin(),
        execute("insert into plain values (1, 2, 3)", undefined, first),
        execute(sql, undefined, first),
        execute("select 1", undefined, first),
        batch(["select 1"], undefined, first),
        executeMultiple("select 1", first),
        call("commit", first),
        call("rollback", first),
        call("close", first),
        execute("select * from plain"),
      ],
    }),
  ),
  ...["commit; select 1", "rollback", "commit; begin", "begin", "savepoint s; release s"].map(
    (sql) => ({
      title: `a transaction that runs the text ${sql}`,
      steps: [
        people,
        begin(),
        execute("insert into plain values (1, 2, 3)", undefined, first),
        executeMultiple(sql, first),
        batch(["insert into plain values (4, 5, 6)", "commit", "select 1"], undefined, first),
        call("commit", first),
        execute("select * from plain"),
      ],
    }),
  ),
  {
    title: "a commit that a deferred foreign key refuses",
    steps: [
      people,
      begin(),
      execute("insert into later values (99)", undefined, first),
      call("commit", first),
      execute("select 1", undefined, first),
      call("rollback", first),
      execute("select * from later"),
      execute("insert into plain values (1, 1, 1)"),
    ],
  },
  {
    title: "savepoints in a transaction",
    steps: [
      people,
      begin(),
      execute("savepoint a", undefined, first),
      execute("insert into plain values (1, 1, 1)", undefined, first),
      execute("rollback to a", undefined, first),
      execute("insert into plain values (2, 2, 2)", undefined, first),
      execute("release a", undefined, first),
      execute("release a", undefined, first),
      call("commit", first),
      execute("select * from plain"),
    ],
  },
  {
    title: "a read outside of an open transaction",
    config: { timeout: 40 },
    steps: [
      people,
      begin(),
      execute("insert into plain values (1, 2, 3)", undefined, first),
      execute("select count(*) from plain"),
      execute("create table if not exists plain (a)"),
      execute("insert into plain values (4, 5, 6)"),
      call("commit", first),
      execute("select count(*) from plain"),
    ],
  },
  {
    title: "a write to a table that another client dropped, during a transaction",
    config: { timeout: 40 },
    steps: [
      people,
      execute("drop table plain", undefined, "other"),
      begin(),
      execute("update plain set a = 1"),
      call("commit", first),
    ],
  },
  {
    title: "a deferred batch that writes during a transaction",
    config: { timeout: 40 },
    steps: [people, begin(), batch(["insert into plain values (4, 5, 6)"], "deferred")],
  },
  {
    title: "two transactions at once",
    config: { timeout: 40 },
    steps: [
      people,
      begin("write", first),
      begin("write", second),
      begin("deferred", second),
      execute("select count(*) from plain", undefined, second),
      execute("insert into plain values (1, 2, 3)", undefined, second),
      call("commit", first),
      execute("insert into plain values (1, 2, 3)", undefined, second),
      call("commit", second),
    ],
  },
  {
    title: "transactions that hold every connection",
    config: { concurrency: 2 },
    steps: [
      people,
      begin("read", first),
      begin("read", second),
      begin("read", "transaction 3"),
      execute("select 1"),
      batch(["select 1"]),
      migrate(["select 1"]),
      executeMultiple("select 1"),
      call("close", first),
      execute("select 1 as a"),
      call("close", second),
    ],
  },
  {
    title: "a transaction in memory",
    database: "memory",
    steps: [
      execute("create table t (a)"),
      begin(),
      execute("insert into t values (1)", undefined, first),
      execute("select 1"),
      begin("read", second),
      call("commit", first),
      execute("select * from t"),
      call("reconnect", "client"),
      execute("select * from t"),
    ],
  },
];

const clientCases: Case[] = [
  {
    title: "a closed client",
    steps: [
      people,
      begin(),
      execute("insert into plain values (1, 2, 3)", undefined, first),
      call("close", "client"),
      call("close", "client"),
      execute("select 1", undefined, first),
      call("commit", first),
      call("rollback", first),
      call("close", first),
      execute("select 1"),
      execute("select ?", [undefined]),
      executeWrong(null),
      batch(["select 1"]),
      batch(["select 1"], "nonsense"),
      migrate(["select 1"]),
      executeMultiple("select 1"),
      begin("write", second),
      call("sync", "client"),
      call("reconnect", "client"),
      execute("select * from plain"),
      execute("select 1", undefined, first),
      call("commit", first),
    ],
  },
  {
    title: "a client that is reconnected while it is open",
    steps: [people, call("reconnect", "client"), allPeople, call("sync", "client")],
  },
  {
    title: "a BEGIN of execute",
    steps: [
      people,
      execute("begin"),
      execute("insert into plain values (1, 1, 1)"),
      execute("commit"),
      execute("begin immediate"),
      execute("savepoint s"),
      execute("release s"),
      execute("select * from plain"),
    ],
  },
  {
    title: "calls that are not awaited",
    steps: [
      people,
      {
        call: "together",
        steps: [
          execute("insert into plain values (1, 1, 1)"),
          execute("select count(*) from plain"),
          batch(["insert into plain values (2, 2, 2)", "select count(*) from plain"], "write"),
          execute("NOT SQL"),
          executeMultiple("insert into plain values (3, 3, 3)"),
          execute("select count(*) from plain"),
          migrate(["insert into plain values (4, 4, 4)"]),
          execute("select count(*) from plain"),
        ],
      },
      begin(),
      {
        call: "together",
        steps: [
          execute("insert into plain values (5, 5, 5)", undefined, first),
          batch(["insert into plain values (6, 6, 6)", "NOT SQL"], undefined, first),
          execute("select count(*) from plain", undefined, first),
          call("commit", first),
          execute("select count(*) from plain", undefined, first),
        ],
      },
      execute("select * from plain"),
    ],
  },
  {
    title: "a schema that another client changes",
    config: { timeout: 1000 },
    steps: [
      execute("create table t (a int, b text)"),
      execute("insert into t values (1, 'x')"),
      execute("select * from t"),
      execute("alter table t add column c real default 1.5", undefined, "other"),
      execute("select * from t"),
      execute("alter table t rename column a to z", undefined, "other"),
      execute("select * from t"),
      execute("select * from t", undefined, "other"),
      execute("alter table t drop column b", undefined, "other"),
      execute("select * from t"),
      executeMultiple("drop table t; create table t (q blob)", "other"),
      execute("select * from t"),
      execute("insert into t values (1)"),
      execute("select * from t"),
      execute("drop table t", undefined, "other"),
      execute("select * from t"),
      executeMultiple("create view t as select 5 as five", "other"),
      execute("select * from t"),
      execute("insert into t values (1)"),
    ],
  },
  {
    title: "a schema that changes within a batch",
    steps: [
      execute("create table t (a)"),
      batch(["select * from t", "alter table t add column b", "select * from t"], "write"),
      batch(["alter table t rename to u", "select * from u", "select * from t"], "write"),
      execute("select * from t"),
    ],
  },
  {
    title: "text that is not UTF-8",
    database: "memory",
    steps: [execute("select cast(x'61ff62' as text) as a")],
  },
  {
    title: "errors of rows in intMode number",
    steps: [
      people,
      execute("insert into plain values (9007199254740993, 1, 1) returning a"),
      execute("select count(*) from plain"),
      execute("select a, b from plain"),
      execute("select cast(a as text) from plain"),
      begin(),
      execute("insert into plain values (9007199254740993, 2, 2) returning a", undefined, first),
      call("commit", first),
      execute("select count(*) from plain"),
    ],
  },
];

export const cases: Case[] = [
  ...valueCases,
  ...viewCases,
  ...integerResults,
  ...columnCases,
  ...argumentCases,
  ...deadlyCases,
  ...sqlCases,
  ...batchCases,
  ...transactionCases,
  ...clientCases,
];
