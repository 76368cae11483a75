/** Lists: an array behind IN in a statement of `sql`. */
import test from "ava";
import type { ExecutionContext } from "ava";
import { sql } from "latchdb";
import type { LatchClient, SqlStatement, Value } from "latchdb";
import { internal } from "../support/internals.mjs";
import { openClient } from "../support/database.mjs";

const { expandLists } = await internal<{
  expandLists: (sql: string, args: readonly unknown[]) => { sql: string; args: unknown[] };
}>("client/lists");

const select = async (client: LatchClient, statement: SqlStatement): Promise<unknown[]> =>
  (await client.execute(statement)).rows.map((row) => row[0]);

/** The rows of a statement, natively and expanded as for a server: both must be the same. */
async function bothWays(
  t: ExecutionContext,
  client: LatchClient,
  statement: SqlStatement,
): Promise<unknown[]> {
  const natively = await select(client, statement);
  const expanded = expandLists(statement.sql, statement.args);
  t.false(expanded.sql.includes("rarray"));
  t.deepEqual(natively, await select(client, expanded as SqlStatement), expanded.sql);
  return natively;
}

async function table(t: ExecutionContext): Promise<LatchClient> {
  const client = await openClient(t);
  await client.executeMultiple(`
    create table t (id integer primary key, name text, any, real real, n numeric, b blob);
    insert into t values
      (1, 'a', 'a', 1.5, 1, x'01'), (2, '5', 5, 2.5, '2', x'0202'), (3, '5.0', 5.5, 3.0, 3.5, x''),
      (4, null, null, null, null, null), (9007199254740993, 'B', x'41', 1e300, 0, x'41');
  `);
  return client;
}

test("IN and NOT IN, with and without parentheses", async (t) => {
  const client = await table(t);
  const ids = [1, 3, 99];
  t.deepEqual(await bothWays(t, client, sql`select id from t where id in ${ids}`), [1, 3]);
  t.deepEqual(await bothWays(t, client, sql`select id from t where id IN (${ids})`), [1, 3]);
  t.deepEqual(await bothWays(t, client, sql`select id from t where id in ( ${ids} )`), [1, 3]);
  t.deepEqual(
    await bothWays(t, client, sql`select id from t where id < 9 and id not in ${ids}`),
    [2, 4],
  );
});

test("an empty list has no row", async (t) => {
  const client = await table(t);
  t.deepEqual(await bothWays(t, client, sql`select id from t where id in ${[]}`), []);
  t.is((await bothWays(t, client, sql`select 1 from t where any not in ${[]}`)).length, 5);
  t.deepEqual(await bothWays(t, client, sql`select null in ${[]}`), [0]);
});

test("each type, as it would compare alone", async (t) => {
  const client = await table(t);
  const values: unknown[] = [
    1,
    5,
    5n,
    2.5,
    1e300,
    2n ** 53n + 1n,
    -(2n ** 63n),
    2n ** 63n - 1n,
    0,
    -0,
    "a",
    "A",
    "5",
    "5.0",
    "2",
    "",
    "ä 🦊",
    "x\0y",
    null,
    true,
    false,
    new Date(5),
    new Uint8Array([1]),
    new Uint8Array(),
    new ArrayBuffer(2),
    Buffer.from("A"),
  ];
  for (const column of ["id", "name", "any", "real", "n", "b", "+name", "name collate nocase"]) {
    for (const value of values) {
      const list = [value, value];
      const tested = sql.raw(column);
      const found = await bothWays(
        t,
        client,
        sql`select rowid % 1000 from t where ${tested} in ${list} order by 1`,
      );
      const alone = await select(
        client,
        sql`select rowid % 1000 from t where ${tested} = +${value} order by 1`,
      );
      t.deepEqual(found, alone, `${column} in (${String(value)})`);
    }
    await bothWays(
      t,
      client,
      sql`select rowid % 1000 from t where ${sql.raw(column)} in ${values}`,
    );
    await bothWays(
      t,
      client,
      sql`select rowid % 1000 from t where ${sql.raw(column)} not in ${values.filter((v) => v !== null)}`,
    );
  }
});

test("the values arrive exactly", async (t) => {
  const client = await openClient(t, { intMode: "bigint" });
  const values: Value[] = [2n ** 63n - 1n, -(2n ** 63n), 1.5, Number.MAX_VALUE, "ä\0🦊", null];
  const { rows } = await client.execute({
    sql: "SELECT * FROM (SELECT +value FROM rarray(?))",
    args: [values] as never,
  });
  t.deepEqual(
    rows.map((row) => row[0]),
    values,
  );
});

test("more values than a statement has parameters, and one text for all lengths", async (t) => {
  const client = await openClient(t);
  const ids = Array.from({ length: 100_000 }, (_, i) => i);
  const query = (list: number[]): SqlStatement =>
    sql`with recursive c (n) as (select 0 union all select n + 1 from c where n < 50000)
        select count(*) from c where n in ${list}`;
  t.deepEqual(await select(client, query(ids)), [50_001]);
  const before = client.stats().statements;
  for (const length of [0, 1, 2, 1000, 40_000]) {
    t.deepEqual(await select(client, query(ids.slice(0, length))), [length]);
  }
  const after = client.stats().statements;
  t.is(after.misses, before.misses);
  t.is(after.hits, before.hits + 5);
});

test("a short list runs on the thread of JavaScript", async (t) => {
  const client = await table(t);
  const ids = [1, 2, 3];
  const query = sql`select id from t where id in ${ids}`;
  await select(client, query);
  const before = client.stats().calls.inPlace;
  for (let i = 0; i < 20; i++) t.deepEqual(await select(client, query), ids);
  t.true(client.stats().calls.inPlace - before >= 10);
});

test("several lists, and other values between them", async (t) => {
  const client = await table(t);
  const inner = sql`name in ${["a", "5"]}`;
  t.deepEqual(
    await bothWays(
      t,
      client,
      sql`select id + ${10} from t where ${inner} and id not in ${[2]} and any = ${"a"} and 0 in ${[]} is 0`,
    ),
    [11],
  );
});

test("in writes, in batches, in transactions, and behind calls that wait", async (t) => {
  const client = await table(t);
  const list = [1n, 2n];
  await client.execute(sql`update t set any = 'x' where id in ${list}`);
  await client.batch([
    sql`delete from t where id in ${[1]}`,
    sql`delete from t where id in ${[3]}`,
  ]);
  await client.transaction(async (tx) => {
    await tx.execute(sql`delete from t where id in ${[4]}`);
    t.is((await tx.get(sql`select any from t where id in ${list}`))?.["any"], "x");
  });
});

/** Is written in more than one turn of the event loop: the calls behind it wait. */
const slow = {
  sql: "select :a",
  args: {
    get a() {
      const until = performance.now() + 5;
      while (performance.now() < until);
      return 1;
    },
  },
};

test("a list that waits is that of the time of the call", async (t) => {
  const client = await table(t);
  const batch = client.batch([slow, ...Array.from({ length: 1000 }, () => "select 1")]);
  const ids = [1n, 2n];
  const bytes = new Uint8Array([1]);
  const read = select(client, sql`select id from t where id in ${ids}`);
  const blobs = select(client, sql`select id from t where b in ${[bytes]}`);
  ids[0] = 99n;
  bytes[0] = 99;
  t.deepEqual(await read, [1, 2]);
  t.deepEqual(await blobs, [1]);
  await batch;
});

test("a list stands behind IN alone", async (t) => {
  const client = await table(t);
  for (const wrong of [
    (): unknown => sql`select ${[1]}`,
    (): unknown => sql`select 1 where 1 = ${[1]}`,
    (): unknown => sql`insert into t (any) values (${[1]})`,
    (): unknown => sql`select margin ${[1]}`,
    (): unknown => sql`select 1 where 1 in (${[1]}, 2)`,
    (): unknown => sql`select 1 where 1 in (2, ${[1]})`,
  ]) {
    t.throws(wrong, { instanceOf: TypeError, message: /behind IN/ });
  }
  for (const nested of [[[1]], [{}], [undefined], [Symbol("a")]]) {
    await t.throwsAsync(client.execute(sql`select 1 where 1 in ${nested}`));
  }
  const refused = { code: "ARGUMENT_NOT_SUPPORTED", message: /type array/ };
  const list = "SELECT +value FROM rarray(?)";
  for (const { sql: text, args } of [
    { sql: "insert into t (any) values (?)", args: [[1]] },
    { sql: `select ?, (${list})`, args: [[1], [2]] },
    { sql: `select '${list}', ?`, args: [[1]] },
    { sql: `select "${list}" /* ${list} */ -- ${list}\n, ?`, args: [[1]] },
    { sql: `select ?1, (${list})`, args: [1, [2]] },
    { sql: `select ?2, (${list})`, args: [[1], 2] },
    { sql: `select :a, (${list})`, args: [[1], [2]] },
    { sql: `select (${list}) -- :a\n, $b`, args: [[1]] },
    { sql: "select rarray(:a)", args: { a: [1] } },
  ]) {
    await t.throwsAsync(client.execute({ sql: text, args: args as never }), refused, text);
  }
  t.deepEqual(
    expandLists(`select '?', "?", [?], \`?\`, ? -- ?\n, 1 in (${list}) /* ? */`, [0, [1, 2]]),
    { sql: "select '?', \"?\", [?], `?`, ? -- ?\n, 1 in (?, ?) /* ? */", args: [0, 1, 2] },
  );
});
