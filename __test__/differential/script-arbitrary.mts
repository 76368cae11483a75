/** Random scripts. What COMPAT.md says differs in what it stores is left to the cases by hand. */
import fc from "fast-check";
import type { Argument, Arguments, Script, Statement, Step, Target } from "./script.mjs";

const tables = ["t", "u", "w"] as const;
const columns = ["a", "b", "c"] as const;

const strangeNames = [
  "__proto__",
  "constructor",
  "length",
  "0",
  "1",
  "a",
  "A",
  "a b",
  "",
  'say "x"',
  "it's",
  "line\nbreak",
  "u\u2028v",
  "日本語",
  "toJSON",
];

const table = fc.constantFrom(...tables);
const column = fc.constantFrom(...columns);
const columnName = fc
  .oneof(fc.constantFrom(...strangeNames), fc.string({ maxLength: 5, unit: "grapheme" }))
  .map((name) => name.replaceAll("\0", "").replace(/[\ud800-\udfff]/g, ""));

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

// --- values ---------------------------------------------------------------------------------------

/** Numbers whose text has 15 digits at most: both versions of SQLite write it the same way. */
const number = fc.oneof(
  fc.integer({ min: -99999, max: 99999 }),
  fc.integer({ min: -99999, max: 99999 }).map((value) => value / 8),
  fc.constantFrom(0, -0, 1.5, -1e-3, 2 ** 31, -(2 ** 31), 99999999999),
);

const bigint = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(
    0n,
    1n,
    -1n,
    2n ** 31n,
    2n ** 53n - 1n,
    2n ** 53n,
    -(2n ** 53n),
    2n ** 63n - 1n,
    -(2n ** 63n),
  ),
);

const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.string({ maxLength: 8, unit: "grapheme" }),
  fc.string({ maxLength: 4, unit: "binary" }),
  fc.constantFrom("", "it's", "\ud800", "a\udc00b", "😀", "\u2028", "a\0b", "\0", "\ufeff", "12", "1.50", " 7"),
); // prettier-ignore

const blob = fc.uint8Array({ maxLength: 6 });

const value: fc.Arbitrary<Argument> = fc.oneof(
  { weight: 4, arbitrary: number },
  { weight: 3, arbitrary: bigint },
  { weight: 4, arbitrary: text },
  { weight: 2, arbitrary: blob },
  { weight: 1, arbitrary: blob.map((bytes) => bytes.slice().buffer) },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.constant(null) },
  {
    weight: 1,
    arbitrary: fc.date({ min: new Date(0), max: new Date("2001-01-01"), noInvalidDate: true }),
  },
);

/** Values that are refused, or stored as something else. */
const oddValue = fc.constantFrom<Argument[]>(
  undefined,
  NaN,
  Infinity,
  2n ** 63n,
  new Date(NaN),
  { make: "object" },
  { make: "symbol" },
  { make: "Uint8Array at an offset" },
);

// --- arguments ------------------------------------------------------------------------------------

const prefix = fc.constantFrom("", ":", "@", "$");

const named: fc.Arbitrary<Arguments> = fc
  .array(fc.tuple(prefix, column, value), { maxLength: 4 })
  .map((given) => ({ named: given.map(([before, name, each]) => [before + name, each]) }));

const positional: fc.Arbitrary<Arguments> = fc.array(value, { maxLength: 5 });

/** Statements with three parameters, with arguments that may be missing or too many. */
function withParameters(
  make: (x: string, y: string, z: string) => string,
): fc.Arbitrary<Statement> {
  return fc.oneof(
    fc
      .tuple(fc.constantFrom(["?", "?", "?"], ["?1", "?2", "?1"], ["?3", "?2", "?1"]), positional)
      .map(([[x, y, z], args]) => ({ sql: make(x ?? "", y ?? "", z ?? ""), args })),
    fc
      .tuple(fc.constantFrom([":a", "@b", "$c"], [":a", ":a", "@a"]), fc.oneof(named, positional))
      .map(([[x, y, z], args]) => ({ sql: make(x ?? "", y ?? "", z ?? ""), args })),
  );
}

// --- statements -----------------------------------------------------------------------------------

const insert = table.chain((name) =>
  withParameters((x, y, z) => `insert into ${name} (a, b, c) values (${x}, ${y}, ${z})`),
);

const insertReturning = table.chain((name) =>
  withParameters(
    (x, y, z) => `insert into ${name} (a, b, c) values (${x}, ${y}, ${z}) returning a, b, c`,
  ),
);

const update = fc.tuple(table, column, value).map(([name, set, each]) => ({
  sql: `update ${name} set ${set} = ? where rowid = 2`,
  args: [each],
}));

const select = fc.tuple(table, columnName, columnName).map(([name, x, y]) => ({
  sql: `select a as ${quoted(x)}, b as ${quoted(y)}, c, typeof(a) from ${name} order by rowid`,
}));

const echo = fc
  .tuple(columnName, columnName, columnName)
  .chain(([p, q, r]) =>
    withParameters(
      (x, y, z) => `select ${x} as ${quoted(p)}, ${y} as ${quoted(q)}, ${z} as ${quoted(r)}`,
    ),
  );

const plain = fc
  .oneof(
    table.map((name) => `select * from ${name} order by rowid`),
    table.map((name) => `select count(*), typeof(max(a)), hex(min(b)) from ${name}`),
    table.map((name) => `delete from ${name} where rowid % 3 = 0`),
    table.map((name) => `update ${name} set c = c where a is not null`),
    table.map((name) => `insert into ${name} (a) select a from ${name} where rowid < 3`),
    table.map((name) => `insert or ignore into ${name} (rowid, a) values (1, 1), (2, 2)`),
    table.map((name) => `replace into ${name} (rowid, a) values (1, 'replaced')`),
    table.map((name) => `insert into ${name} (rowid, a) values (1, 1)`),
    table.map((name) => `create table if not exists ${name} (a, b int, c text)`),
    table.map(
      (name) => `create table ${name} (a int unique, b text not null, c real check (c > 0))`,
    ),
    table.map((name) => `create index if not exists i_${name} on ${name} (a)`),
    table.map((name) => `drop table ${name}`),
    table.map((name) => `alter table ${name} add column d default 'x'`),
    table.map((name) => `alter table ${name} rename column b to bb`),
    table.map((name) => `alter table ${name} rename column bb to b`),
    fc.constantFrom(
      "NOT SQL",
      "select",
      "",
      "-- nothing",
      "select 1; select 2",
      "select nope from t",
      "select * from nope",
      "insert into child values (99)",
      "insert into child values (1)",
      "insert into child (parent) values (99)",
      "insert into parent values (1)",
      "insert into strict_one values ('x')",
      "delete from parent",
      "select changes()",
      "select abs(-9223372036854775808)",
      "savepoint s",
      "release s",
      "rollback to s",
    ),
  )
  .map((sql) => ({ sql }));

const statement: fc.Arbitrary<Statement> = fc.oneof(
  { weight: 4, arbitrary: insert },
  { weight: 1, arbitrary: insertReturning },
  { weight: 2, arbitrary: update },
  { weight: 2, arbitrary: select },
  { weight: 2, arbitrary: echo },
  { weight: 6, arbitrary: plain },
);

/** Alone and with SQL that is right: which of two errors is told first differs. */
const odd: fc.Arbitrary<Statement> = fc.oneof(
  oddValue.map((each) => ({ sql: "select ? as value", args: [each] })),
  oddValue.map((each): Statement => ({
    sql: "select :a as value",
    args: { named: [["a", each]] },
  })),
);

/** Reads alone: what a "read" transaction may do. */
const read: fc.Arbitrary<Statement> = fc.oneof(select, echo);

// --- steps ----------------------------------------------------------------------------------------

const transactions: Target[] = ["transaction 1", "transaction 2"];
const transaction = fc.constantFrom(...transactions);
const client: fc.Arbitrary<Target> = fc.constantFrom("client", "client", "client", "other");
const target: fc.Arbitrary<Target> = fc.oneof(
  { weight: 3, arbitrary: client },
  { weight: 2, arbitrary: transaction },
);

const execute: fc.Arbitrary<Step> = fc
  .tuple(
    target,
    fc.constantFrom("execute" as const, "executeSql" as const),
    fc.oneof({ weight: 20, arbitrary: statement }, { weight: 1, arbitrary: odd }),
  )
  .map(([on, call, each]) => ({ on, call, statement: each }));

const batch: fc.Arbitrary<Step> = fc
  .record({
    on: target,
    statements: fc.array(statement, { maxLength: 4 }),
    tuples: fc.boolean(),
    mode: fc.constantFrom("write", "deferred", undefined, "nonsense"),
  })
  .map((step) => ({ ...step, call: "batch" }));

const readBatch: fc.Arbitrary<Step> = fc
  .record({ on: client, statements: fc.array(read, { maxLength: 3 }), mode: fc.constant("read") })
  .map((step) => ({ ...step, call: "batch" }));

const migrate: fc.Arbitrary<Step> = fc
  .record({ on: client, statements: fc.array(statement, { maxLength: 3 }) })
  .map((step) => ({ ...step, call: "migrate" }));

const executeMultiple: fc.Arbitrary<Step> = fc
  .tuple(target, fc.array(plain, { maxLength: 3 }))
  .map(([on, statements]) => ({
    on,
    call: "executeMultiple",
    sql: statements.map(({ sql }) => sql).join(";\n"),
  }));

const begin: fc.Arbitrary<Step> = fc
  .record({ on: client, mode: fc.constantFrom("write", "deferred", undefined), as: transaction })
  .map(({ mode, ...step }) => ({ ...step, call: "transaction", ...(mode && { mode }) }));

const end: fc.Arbitrary<Step> = fc
  .tuple(transaction, fc.constantFrom("commit" as const, "rollback" as const, "close" as const))
  .map(([on, call]) => ({ on, call }));

const life: fc.Arbitrary<Step> = fc
  .tuple(client, fc.constantFrom("reconnect" as const, "close" as const))
  .map(([on, call]) => ({ on, call }));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: execute },
  { weight: 3, arbitrary: batch },
  { weight: 1, arbitrary: readBatch },
  { weight: 1, arbitrary: migrate },
  { weight: 2, arbitrary: executeMultiple },
  { weight: 2, arbitrary: begin },
  { weight: 3, arbitrary: end },
);

const schema: Step = {
  on: "client",
  call: "executeMultiple",
  sql: `
    create table t (a, b, c);
    create table u (a integer, b text, c blob);
    create table w (a int unique, b text default 'x' not null, c numeric check (c is null or c <> 7));
    create table parent (id integer primary key);
    create table child (parent references parent (id));
    create table strict_one (a int) strict;
    insert into t values (1, 'one', x'01'), (2.5, 'two', null);
    insert into parent values (1);
  `,
};

const ends: Step[] = transactions.map((on) => ({ on, call: "rollback" }));

const everything: Step[] = [
  { on: "client", call: "reconnect" },
  ...[...tables.map((name) => [name, "a"]), ["child", "parent"]].map(([name, first]): Step => ({
    on: "client",
    call: "execute",
    statement: {
      sql: `select *, typeof(${first}) from (select rowid as r, * from ${name}) order by r`,
    },
  })),
  {
    on: "client",
    call: "execute",
    statement: { sql: "select type, name, tbl_name, sql from sqlite_schema order by type, name" },
  },
];

/** A script that works on some tables, and at its end looks at all that is there. */
export const script: fc.Arbitrary<Script> = fc
  .record({
    database: fc.constantFrom("file" as const, "file" as const, "memory" as const),
    intMode: fc.constantFrom("number" as const, "bigint" as const, "string" as const),
    steps: fc.array(step, { minLength: 3, maxLength: 25 }),
    last: fc.option(life, { freq: 4, nil: undefined }),
  })
  .map(({ database, intMode, steps, last }) => ({
    database,
    // Short, for a wait for a lock that its own caller holds comes to its end.
    config: { intMode, timeout: 5 },
    steps: [schema, ...steps, ...(last === undefined ? [] : [last]), ...ends, ...everything].filter(
      (each) => database === "file" || isForMemory(each),
    ),
  }));

/** In memory each client has a database of its own, which `reconnect` would lose. */
function isForMemory(each: Step): boolean {
  return each.call !== "reconnect" && each.call !== "together" && each.on !== "other";
}
