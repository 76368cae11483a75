import { setImmediate } from "node:timers/promises";
import test from "ava";
import { openClient, selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { answer } from "./answers.mjs";
import { stockAnswers } from "./stock.mjs";

// The functions that libSQL has and SQLite has not. functions-differential.spec compares their answers with the stock
// client; here is where they may be used, and what ends them.

/** Those of stock that latchdb leaves out (COMPAT.md). */
const leftOut = [
  "readfile",
  "writefile",
  "sha3_query",
  "sqlite_crypt",
  "sqlite3mc_codec_data",
  "sqlite3mc_config",
  "sqlite3mc_config_table",
  "sqlite3mc_version",
];

test("each function of stock is there, with the same flags, but for those that are named", async (t) => {
  const client = await openClient(t);
  const list = `select json_group_array(name || '/' || case when builtin or narg < 0 then 'n' else narg || type || flags end)
    from (select distinct * from pragma_function_list order by 1, narg)`;
  const modules = "select json_group_array(name) from pragma_module_list order by 1";
  const [theirList = "", theirModules = ""] = await stockAnswers([list, modules]);
  const read = (text: string): string[] =>
    JSON.parse((JSON.parse(text) as [[string]])[0][0]) as string[];
  const theirs = read(theirList);
  const ours = new Set(read(await answer(client, list)));
  const name = (each: string): string => each.split("/")[0] ?? "";
  const ourNames = new Set(Array.from(ours, name));
  t.deepEqual(
    [...new Set(theirs.map(name))].filter((each) => !ourNames.has(each)).toSorted(),
    leftOut.toSorted(),
  );
  // Functions that SQLite has, too, keep its flags, but for log().
  const builtIn = await selectColumn(
    client,
    "select name from pragma_function_list where builtin and name <> 'log'",
  );
  const differing = theirs.filter((each) => {
    const isOfSqlite = builtIn.includes(name(each)) || leftOut.includes(name(each));
    return !isOfSqlite && !each.endsWith("/n") && !ours.has(each);
  });
  t.deepEqual(differing, []);
  // json_each and json_tree are there at their first use.
  const ourModules = read(await answer(client, modules));
  const missing = read(theirModules).filter((each) => !ourModules.includes(each));
  t.deepEqual(missing.toSorted(), ["carray", "fsdir", "json_each", "json_tree"]);
});

test("log(x) is the natural logarithm, as in stock, and the others are SQLite's", async (t) => {
  const client = await openClient(t);
  const logs = "select log(exp(2)), ln(exp(2)), log(2, 8), log2(8), log10(1000)";
  t.is(await answer(client, logs), "[[2,2,3,3,3]]");
  const error = { message: "SQLITE_ERROR: Numerical argument out of domain" };
  await t.throwsAsync(client.execute("select log(-1)"), error);
  const rounded = "select typeof(ceil(2.5)), ceil(2.5), floor(-2.5), ceiling(1e300), floor('x')";
  t.is(await answer(client, rounded), '[["integer",3,-3,1e+300,null]]');
});

test("an index on SQLite's log() is not read as one on libSQL's", async (t) => {
  const { open } = await temporaryDatabase(t);
  const client = open();
  await client.executeMultiple(`
    create table t (x);
    insert into t values (100);
    create index t_log on t (ln(x));
    pragma writable_schema = on;
    update sqlite_schema set sql = replace(sql, 'ln(', 'log(') where name = 't_log';
  `);
  client.close();
  const error = await t.throwsAsync(open().execute("select * from t where log(x) = 2"));
  t.regex(
    error?.message ?? "",
    /t_log.*non-deterministic.*log\(x\).*natural.*ln\(x\) or log10\(x\)/s,
  );
  const [stock] = await stockAnswers([
    "create table t (x)",
    "create index t_log on t (log(x))",
  ]).then((answers) => answers.slice(1));
  t.regex(stock ?? "", /non-deterministic functions prohibited in index expressions/);
});

test("functions may stand where stock's may", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple(`
    create table t (
      id text primary key default (uuid()),
      name text check (name regexp '^[a-z]+$'),
      hash as (sha3(name, 224)) stored,
      back as (lower(name))
    );
    create index t_name on t (regexp('^a', name));
    create index t_part on t (name) where name regexp 'z$';
    create view v as select reverse(name) as name from t;
    create table log_of (name);
    create trigger w after insert on t begin insert into log_of select proper(new.name); end;
    insert into t (name) values ('abc'), ('xyz');
  `);
  t.deepEqual(await selectColumn(client, "select name from v order by name"), ["cba", "zyx"]);
  t.deepEqual(await selectColumn(client, "select name from log_of"), ["Abc", "Xyz"]);
  t.deepEqual(await selectColumn(client, "select name from t where regexp('^a', name)"), ["abc"]);
  t.deepEqual(await selectColumn(client, "select name from t where name regexp 'z$'"), ["xyz"]);
  const plan = await client.execute(
    "explain query plan select name from t where regexp('^a', name) = 1",
  );
  t.regex(String(plan.rows[0]?.["detail"]), /USING INDEX t_name/);
  await t.throwsAsync(client.execute("insert into t (name) values ('A')"), {
    code: "SQLITE_CONSTRAINT",
  });
  const ids = await selectColumn(client, "select distinct id from t");
  t.is(ids.length, 2);
  for (const id of ids)
    t.regex(String(id), /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  await t.throwsAsync(client.execute("create index t_back on t (reverse(name))"), {
    message: /non-deterministic functions prohibited/,
  });
  await t.throwsAsync(client.execute("select median(name) over () from t"), {
    message: /median\(\) may not be used as a window function/,
  });
  t.is(
    await selectValue(client, "select last_rows_affected()"),
    await selectValue(client, "select changes()"),
  );
  t.is(await selectValue(client, "pragma integrity_check"), "ok");
});

test("a file whose schema uses functions goes to and from stock", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const schema = [
    "create table t (id text default (uuid()), name text check (log(length(name)) < 3), hash as (sha3(name)) stored)",
    "create index t_name on t (regexp('^[ab]', name))",
    "create view v as select name, reverse(name) as back from t",
    "create trigger w after insert on t when new.name regexp 'x' begin update t set name = proper(name) where rowid = new.rowid; end",
    "insert into t (name) values ('abc'), ('xyz')",
  ];
  const byStock = await stockAnswers(schema, file);
  t.deepEqual(
    byStock.filter((each) => each !== "[]"),
    [],
  );
  const questions = [
    "pragma integrity_check",
    "select back, hex(hash) from v join t using (name) where regexp('^[ab]', name)",
    "select count(*) from t where name regexp '^[A-Z]' and length(id) = 36",
    "select median(length(name)) from t",
  ];
  const client = open();
  for (const name of ["bcd", "axe"]) {
    await client.execute({ sql: "insert into t (name) values (?)", args: [name] });
  }
  const long = "insert into t (name) values (replicate('long', 10))";
  const ours = await Promise.all([...questions, long].map((sql) => answer(client, sql)));
  client.close();
  t.regex(ours.at(-1) ?? "", /CHECK constraint failed/);
  t.is(ours[0], '[["ok"]]');
  t.deepEqual((await stockAnswers([...questions, long], file)).slice(0, -1), ours.slice(0, -1));
});

test("functions are on every connection: transactions, readers, replaced databases", async (t) => {
  const { open } = await temporaryDatabase(t);
  const client = open();
  const sql =
    "select median(value) || uuid_str('x') is null and reverse('ab') = 'ba' from generate_series(1, 3)";
  await client.execute("create table t (a)");
  const transaction = await client.transaction("read");
  t.is((await transaction.execute(sql)).rows[0]?.[0], 1);
  await transaction.commit();
  for (const { rows } of await client.batch([sql, sql], "read")) t.is(rows[0]?.[0], 1);
  const reads = Array.from({ length: 8 }, async () => await selectValue(client, sql));
  t.deepEqual(await Promise.all(reads), Array(8).fill(1));
  await client.replaceDatabase({
    build: async (staging) => {
      await staging.execute(`create table t as ${sql}`);
    },
  });
  t.deepEqual(await selectColumn(client, "select * from t"), [1]);
});

test("a series is made number by number, in both directions, within its conditions", async (t) => {
  const client = await openClient(t);
  const numbers = async (rest: string): Promise<unknown[]> =>
    await selectColumn(client, `select value from generate_series${rest}`);
  t.deepEqual(await numbers("(1, 9, 4)"), [1, 5, 9]);
  t.deepEqual(await numbers("(9, 1, -4)"), [9, 5, 1]);
  t.deepEqual(await numbers("(1, 9, 4) order by value desc"), [9, 5, 1]);
  t.deepEqual(await numbers("(9, 1, -4) order by value"), [1, 5, 9]);
  t.deepEqual(await numbers("(1, 3) where value in (2, 5, 3)"), [2, 3]);
  t.deepEqual(await numbers("(1, 5) where value > 2.5 and value <= '9'"), [3, 4, 5]);
  t.deepEqual(await numbers("(1, 5) where value = 2.5 or value = 3.0"), [3]);
  t.deepEqual(await numbers("(1, 5) where value > null"), []);
  t.deepEqual(await numbers("(1, 5) as s join (select 3 as x) on value > x"), [4, 5]);
  t.deepEqual(await numbers("((select 2), (select 4)) limit 2 offset 1"), [3, 4]);
  const joined =
    "select a.value * b.value from generate_series(1, 3) as a, generate_series(1, a.value) as b";
  t.deepEqual(await selectColumn(client, joined), [1, 2, 4, 3, 6, 9]);
  // A trillion numbers, of which few are made.
  const long = "(1, 1000000000000)";
  t.deepEqual(
    await numbers(`${long} where value between 499999999999 and 500000000000`),
    [499_999_999_999, 500_000_000_000],
  );
  t.deepEqual(await numbers(`${long} limit 2`), [1, 2]);
  t.deepEqual(await numbers(`${long} order by value desc limit 1`), [1_000_000_000_000]);
  t.deepEqual(await numbers("(7) limit 2"), [7, 8]);
  const ends = "(9223372036854775806, 9223372036854775807, 1)";
  const texts = `select cast(value as text) from generate_series${ends}`;
  t.deepEqual(await selectColumn(client, texts), ["9223372036854775806", "9223372036854775807"]);
  await t.throwsAsync(client.execute("select * from generate_series where stop = 3"), {
    message: 'SQLITE_ERROR: first argument to "generate_series()" missing or unusable',
  });
});

/** Statements that would take minutes, in a loop, or in calls of one row, between which SQLite looks for no interrupt. */
const endless: Record<string, string> = {
  "a series": "select sum(value) from generate_series(1, 1000000000000)",
  "a search": "select regexp('(a|b){1,500}c', text) from long",
  "a search for a text": `select ${Array(300).fill("regexp('bc', text)").join(" + ")} from long`,
  "a hash": `select ${Array(300).fill("length(sha3(text, 512))").join(" + ")} from long`,
};

const long = "create table long as select replicate('ab', 10000000) as text";

for (const [what, sql] of Object.entries(endless)) {
  test.serial(`an abort ends ${what}`, async (t) => {
    const client = await openClient(t);
    await client.execute(long);
    const controller = new AbortController();
    const reason = new Error("took too long");
    const timer = setTimeout(() => controller.abort(reason), 50);
    t.teardown(() => clearTimeout(timer));
    const began = performance.now();
    await t.throwsAsync(client.execute({ sql, signal: controller.signal }), { is: reason });
    const took = performance.now() - began;
    t.log(`${took.toFixed(0)} ms`);
    t.true(took < 10_000, `${took} ms`);
    t.is(await selectValue(client, "select 1"), 1);
  });
}

test.serial("close() ends a search", async (t) => {
  const client = await openClient(t);
  await client.execute(long);
  const search = t.throwsAsync(client.execute(endless["a search"] ?? ""), {
    code: "CLIENT_CLOSED",
  });
  while (client.stats().calls.onThread < 2) await setImmediate();
  const began = performance.now();
  client.close();
  t.true(performance.now() - began < 10_000);
  await search;
});

test("a result that is too long is an error before it is made", async (t) => {
  const client = await openClient(t);
  for (const call of [
    "replicate('abc', 9223372036854775807)",
    "replicate('abc', 400000000)",
    "padl('a', 9223372036854775807)",
    "padc('a', 2000000000)",
  ]) {
    await t.throwsAsync(client.execute(`select ${call}`), { code: "SQLITE_TOOBIG" }, call);
  }
});

test("what stock answers wrongly is right", async (t) => {
  const client = await openClient(t);
  const cases: Array<[string, string]> = [
    [
      "median(column1) from (values (1700000000000), (1700000000001), (1700000000002))",
      "1700000000001",
    ],
    ["median(column1) from (values (1), (2.5))", "1.75"],
    ["rightstr('abc', -1)", '""'],
    ["square(4294967296)", "18446744073709552000"],
    ["replicate('a', 0)", '""'],
    ["hex(reverse(cast(x'610062' as text)))", '"620061"'],
  ];
  for (const [sql, expected] of cases) {
    t.is(await answer(client, `select ${sql}`), `[[${expected}]]`, sql);
  }
});
