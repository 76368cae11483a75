import test, { type ExecutionContext } from "ava";
import type { LocalClient } from "latchdb";
import { openClient, selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { randomNumbers } from "../support/random.mjs";
import { answer } from "./answers.mjs";

// What a program sends that was written for libSQL's vectors. vectors-differential.spec compares the functions with
// the stock client.

const table = "create table t (id integer primary key, name text, e F32_BLOB(3))";
const index = "create index ti on t (libsql_vector_idx(e))";
const rows =
  "insert into t values (1, 'a', vector32('[1,2,3]')), (2, 'b', '[3,2,1]'), (3, 'c', null), (4, 'd', vector('[0,0,1]'))";

async function openWith(t: ExecutionContext, ...statements: string[]): Promise<LocalClient> {
  const client = await openClient(t);
  for (const sql of statements) await client.execute(sql);
  return client;
}

test("vector_top_k returns the nearest rows, the nearest first, and each row once", async (t) => {
  const client = await openWith(t, table, index, rows);
  const top = async (k: number): Promise<unknown[]> =>
    await selectColumn(client, {
      sql: "select id from vector_top_k('ti', vector32(?), ?)",
      args: ["[1,2,3]", k],
    });
  t.deepEqual(await top(10), [1, 4, 2], "a row without a vector is not in the index");
  t.deepEqual(await top(2), [1, 4]);
  t.deepEqual(await top(0), []);
  const joined =
    "select t.name, vector_distance_cos(e, '[1,2,3]') < 1 from vector_top_k('ti', '[1,2,3]', 2) as v " +
    "join t on t.rowid = v.id";
  t.is(await answer(client, joined), '[["a",1],["d",1]]');
  const byRowid =
    "select name from vector_top_k('ti', vector(:e), cast(:k as integer)) as top_k join t on top_k.rowid = t.rowid";
  t.deepEqual(await selectColumn(client, { sql: byRowid, args: { e: "[0,0,1]", k: 1 } }), ["d"]);
  t.deepEqual(
    await selectColumn(client, "select id from vector_top_k('main.ti', '[1,2,3]', 1)"),
    [1],
  );
  const plan = await client.execute(
    "explain query plan select * from vector_top_k('ti', '[1]', 1)",
  );
  t.regex(String(plan.rows[0]?.["detail"]), /vector_top_k VIRTUAL TABLE INDEX 1:exact/);
});

test("the metric, the condition and the key of an index are honoured", async (t) => {
  const client = await openWith(
    t,
    table,
    "create index l2 on t (libsql_vector_idx(e, 'metric=l2', 'max_neighbors=8', 'compress_neighbors=float8'))",
    "create index part on t (libsql_vector_idx(e)) where name > 'a' /* not a */",
    "insert into t values (1, 'a', vector('[1,1,1]')), (2, 'b', vector('[9,9,9]')), (3, 'c', vector('[1,2,2]'))",
    "create table w (key text primary key, e F64_BLOB(2)) without rowid",
    "create index wi on w (libsql_vector_idx(e))",
    "insert into w values ('x', vector64('[1,0]')), ('y', vector64('[0,1]'))",
    "create table o (rowid text, e F8_BLOB(2))",
    "create index oi on o (libsql_vector_idx(e))",
    "insert into o values ('not this', vector8('[1,2]'))",
  );
  const top = async (name: string, vector: string): Promise<unknown[]> =>
    await selectColumn(client, `select id from vector_top_k('${name}', ${vector}, 2)`);
  t.deepEqual(await top("l2", "'[1,1,1]'"), [1, 3]);
  t.deepEqual(await top("part", "'[1,1,1]'"), [2, 3]);
  t.deepEqual(await top("wi", "vector64('[0,1]')"), ["y", "x"]);
  t.deepEqual(await top("oi", "vector8('[1,2]')"), [1]);
  await client.execute("alter table t rename column e to embedding");
  await client.execute("alter table t rename to moved");
  t.deepEqual(await top("l2", "'[1,1,1]'"), [1, 3]);
  t.deepEqual(await top("part", "'[1,1,1]'"), [2, 3]);
});

test("a vector that does not fit the index is refused by whatever writes it", async (t) => {
  const client = await openWith(t, table, index, rows, "create table plain (e)");
  const insert = "insert into t (e) values";
  for (const [sql, text] of [
    [`${insert} (vector32('[1,2]'))`, "vector index(insert): dimensions are different: 2 != 3"],
    [`${insert} ('[1,2]')`, "vector index(insert): dimensions are different: 2 != 3"],
    [
      `${insert} (vector64('[1,2,3]'))`,
      "vector index(insert): vector type differs from column type: 2 != 1",
    ],
    [`${insert} ('hello')`, "vector: must start with '['"],
    [`${insert} (5)`, "vector: unexpected value type: got INTEGER, expected TEXT or BLOB"],
    [
      `update t set e = vector('[1]') where id = 1`,
      "vector index(insert): dimensions are different: 1 != 3",
    ],
    [
      `insert into t values (1, 'x', null) on conflict (id) do update set e = vector('[1]')`,
      "vector index(insert): dimensions are different: 1 != 3",
    ],
    [
      `replace into t values (1, 'x', vector('[1]'))`,
      "vector index(insert): dimensions are different: 1 != 3",
    ],
  ] as const) {
    for (let i = 0; i < 2; i++)
      t.is(await answer(client, sql), `error: SQLITE_ERROR: ${text}`, sql);
    const message = `SQLITE_ERROR: ${text}\n  ${sql}`;
    await t.throwsAsync(client.executeMultiple(sql), { message });
    await t.throwsAsync(client.batch([sql]), { message });
  }
  t.is(await selectValue(client, "select count(*) from t"), 4);
  await client.execute(
    "create trigger copies after insert on plain begin insert into t (e) values (new.e); end",
  );
  await t.throwsAsync(client.execute("insert into plain values (vector('[1]'))"), {
    message: /dimensions are different: 1 != 3/,
  });
  await client.execute("insert into plain values (vector('[1,1,1]'))");
  for (const sql of [
    `${insert} (zeroblob(12)), (null)`,
    "update t set name = 'x'",
    "delete from t where id = 1",
    "vacuum",
    "reindex",
  ]) {
    await client.execute(sql);
  }
  t.is(await selectValue(client, "pragma integrity_check"), "ok");
  t.is(await selectValue(client, "select count(*) from t"), 6);
});

test("the schema that holds when a statement runs says what fits", async (t) => {
  const client = await openWith(t, table, index);
  const insert = { sql: "insert into t (e) values (?)", args: ["[1,2]"] };
  const refused = { message: /dimensions are different: 2 != 3/ };
  await t.throwsAsync(client.execute(insert), refused);
  await client.execute("drop index ti");
  await client.execute(insert);
  await t.throwsAsync(client.execute(index), refused, "an index on rows that do not fit");
  t.is(await selectValue(client, "select count(*) from sqlite_schema where name = 'ti'"), 0);
  await client.execute("delete from t");
  await client.execute(index);
  await t.throwsAsync(client.execute(insert), refused);
});

test("a schema that a rollback has taken back says nothing", async (t) => {
  const client = await openWith(t);
  const insert = { sql: "insert into t (e) values (?)", args: ["[1,2,3]"] };
  const make = async (dimensions: number): Promise<void> => {
    await client.execute(`create table t (id integer primary key, e F32_BLOB(${dimensions}))`);
    await client.execute(index);
  };
  for (const [undo, dimensions] of [
    ["rollback", 3],
    ["rollback to s; release s", 4],
    ["rollback", 3],
  ] as const) {
    await client.execute(undo === "rollback" ? "begin" : "savepoint s");
    await make(dimensions);
    const fits = dimensions === 3;
    for (let i = 0; i < 3; i++) {
      const text = await answer({ execute: () => client.execute(insert) }, "");
      t.is(text.startsWith("error"), !fits, text);
    }
    await client.executeMultiple(undo);
  }
  await make(5);
  await t.throwsAsync(client.execute(insert), { message: /dimensions are different: 3 != 5/ });
});

test("an index that libSQL would refuse is refused with its text", async (t) => {
  const client = await openWith(
    t,
    "create table t (id integer primary key, e F32_BLOB(2), n)",
    "create table ck (a, b, e F32_BLOB(2), primary key (a, b)) without rowid",
    "create temp table tt (e F32_BLOB(2))",
  );
  const first = "libsql_vector_idx first argument must be";
  for (const [on, text] of [
    [
      "t (libsql_vector_idx(e, 'foo=1'))",
      "invalid vector index parameter 'foo=1': invalid parameter",
    ],
    ["t (libsql_vector_idx(id))", `${first} column with vector type`],
    ["t (libsql_vector_idx(n))", "unexpected vector column type: "],
    ["t (libsql_vector_idx(e || 'x'))", `${first} a column token`],
    ["t (libsql_vector_idx(e, 5))", "all arguments after first must be strings"],
    [
      "t (libsql_vector_idx(e), n)",
      "must contain exactly one column wrapped into the libsql_vector_idx function",
    ],
    ["ck (libsql_vector_idx(e))", "unsupported for tables without ROWID and composite primary key"],
  ] as const) {
    const expected = `error: SQLITE_ERROR: vector index: ${text}`;
    t.is(await answer(client, `create index i on ${on}`), expected);
    t.is(await answer(client, `create index if not exists main.i on ${on}`), expected);
  }
  await client.execute("create index i on t (libsql_vector_idx(e))");
  await client.execute("create index if not exists i on t (libsql_vector_idx(n))");
  await client.execute("create index ti on tt (libsql_vector_idx(e))");
  await client.execute("insert into tt values (vector('[1,2]'))");
  t.is(await selectValue(client, "select id from vector_top_k('temp.ti', '[1,2]', 1)"), 1);
});

test("wrong calls of vector_top_k have the texts of libSQL", async (t) => {
  const client = await openWith(t, table, index, rows);
  const search = "error: SQLITE_ERROR: vector index(search): ";
  const third = `${search}third parameter (k) must be`;
  for (const [call, expected] of [
    ["'nope', '[1,2,3]', 1", `${search}failed to parse vector index parameters`],
    ["'nope.ti', '[1,2,3]', 1", `${search}unknown schema 'nope'`],
    ["'ti', '[1,2]', 1", `${search}dimensions are different: 2 != 3`],
    ["'ti', vector64('[1,2,3]'), 1", `${search}vector type differs from column type: 2 != 1`],
    ["'ti', '[1,2,3]', -1", `${third} a non-negative integer, but negative value were provided`],
    ["'ti', '[1,2,3]', 1.5", `${third} an integer, but float value were provided`],
    ["'ti', '[1,2,3]', '1'", `${third} an integer, but unexpected type of value were provided`],
    ["5, '[1,2,3]', 1", `${search}first parameter (index) must be a string`],
    ["'ti', '[1,2,3]'", `${search}got 2 parameters, expected 3`],
    [
      "'ti', null, 1",
      "error: SQLITE_ERROR: vector: unexpected value type: got NULL, expected TEXT or BLOB",
    ],
  ] as const) {
    t.is(await answer(client, `select * from vector_top_k(${call})`), expected);
  }
});

test("what libSQL does wrong: a search for no rows, an upsert of a row without a vector", async (t) => {
  const client = await openClient(t);
  await client.execute("create table w (id text primary key, e F32_BLOB(2)) without rowid");
  await client.execute("create index wi on w (libsql_vector_idx(e))");
  await client.execute("insert into w values ('a', null), ('b', vector('[0,1]'))");
  await client.execute(
    `insert into w values ('a', vector('[1,0]')), ('b', vector('[0,2]'))
      on conflict (id) do update set e = excluded.e`,
  );
  const texts = await selectColumn(client, "select vector_extract(e) from w order by id");
  t.deepEqual(texts, ["[1,0]", "[0,2]"]);
  t.deepEqual(await selectColumn(client, "select id from vector_top_k('wi', '[1,0]', 0)"), []);
  t.deepEqual(await selectColumn(client, "select id from vector_top_k('wi', '[1,0]', 5)"), [
    "a",
    "b",
  ]);
});

test("a join searches once, not once for each row of another table", async (t) => {
  const client = await openWith(t, table, index, rows, "create index names on t (name)");
  const plan = await client.execute(
    "explain query plan select t.id from vector_top_k('ti', '[1,2,3]', 10) as v " +
      "join t on t.rowid = v.id where t.name = 'a'",
  );
  t.regex(String(plan.rows[0]?.["detail"]), /^SCAN v VIRTUAL TABLE/);
});

test("the condition of an index may end in a comment that is not closed", async (t) => {
  const client = await openWith(t, table, `${index} where name > 'a' /* open`, rows);
  t.deepEqual(
    await selectColumn(client, "select id from vector_top_k('ti', '[1,2,3]', 9)"),
    [4, 2],
  );
});

test("a row whose vector does not fit is named, not left out", async (t) => {
  const client = await openWith(
    t,
    "create table t (id integer primary key, a F32_BLOB(2), b F32_BLOB(3))",
    "create index ai on t (libsql_vector_idx(a))",
    "create index bi on t (libsql_vector_idx(b))",
    "insert into t values (7, vector('[1,2]'), vector('[1,2,3]'))",
  );
  // Nothing tells the two columns apart.
  await client.execute("insert into t values (8, vector('[1,2,3]'), null)");
  await t.throwsAsync(client.execute("insert into t values (9, vector('[1]'), null)"), {
    message: /dimensions are different: 1 != 2/,
  });
  await t.throwsAsync(client.execute("select * from vector_top_k('ai', '[1,2]', 1)"), {
    message:
      /the row 8 of t has in a no vector that fits the index: .*dimensions are different: 3 != 2/,
  });
  await client.execute("delete from t where id = 8");
  t.is(await selectValue(client, "select id from vector_top_k('ai', '[1,2]', 1)"), 7);
});

test("a search sees its transaction, and that of no other connection", async (t) => {
  const { open } = await temporaryDatabase(t);
  const [client, other] = [open(), open()];
  for (const sql of ["pragma journal_mode = wal", table, index, rows]) await client.execute(sql);
  const top = "select id from vector_top_k('ti', '[9,9,9]', 1)";
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (9, 'new', vector('[9,9,9]'))");
  t.is(await selectValue(transaction, top), 9);
  t.not(await selectValue(other, top), 9);
  await transaction.commit();
  t.is(await selectValue(other, top), 9);
});

test("a long search is cancelled, and ends for close()", async (t) => {
  const client = await openWith(
    t,
    "create table t (e F32_BLOB(8))",
    "create index ti on t (libsql_vector_idx(e))",
    "with recursive n (i) as (select 1 union all select i + 1 from n limit 100000) " +
      "insert into t select randomblob(32) from n",
  );
  const endless = "select count(*) from t, vector_top_k('ti', t.e, 3)";
  const signal = AbortSignal.timeout(50);
  await t.throwsAsync(client.execute({ sql: endless, signal }), {
    any: true,
    name: "TimeoutError",
  });
  t.true(signal.aborted);
  const closed = t.throwsAsync(client.execute(endless), { code: "CLIENT_CLOSED" });
  await new Promise(setImmediate);
  client.close();
  await closed;
});

test("a search is exact", async (t) => {
  const random = randomNumbers(7);
  const vector = (): number[] => Array.from({ length: 20 }, () => random() - 0.5);
  const client = await openWith(
    t,
    "create table t (id integer primary key, e F32_BLOB(20))",
    "create index ti on t (libsql_vector_idx(e, 'metric=l2'))",
  );
  const vectors = Array.from({ length: 2000 }, vector);
  await client.batch(
    vectors.map((e, id) => ({
      sql: "insert into t values (?, vector32(?))",
      args: [id, JSON.stringify(e)],
    })),
    "write",
  );
  const query = vector();
  const distance = (e: number[]): number =>
    e.reduce((sum, number, i) => sum + (number - (query[i] ?? 0)) ** 2, 0);
  const nearest = vectors
    .map((e, id) => ({ id, distance: distance(e) }))
    .sort((a, b) => a.distance - b.distance)
    .map(({ id }) => id);
  const found = await selectColumn(client, {
    sql: "select id from vector_top_k('ti', ?, 50)",
    args: [new Uint8Array(new Float32Array(query).buffer)],
  });
  t.deepEqual(found, nearest.slice(0, 50));
  const ordered = await selectColumn(client, {
    sql: "select id from t order by vector_distance_l2(e, ?) limit 50",
    args: [JSON.stringify(query)],
  });
  t.deepEqual(ordered, nearest.slice(0, 50));
});
