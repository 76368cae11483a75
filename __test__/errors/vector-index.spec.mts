import test, { type ExecutionContext } from "ava";
import { copyDatabase, createClient, swapDatabase, type LocalClient } from "latchdb";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { startHelper } from "../support/helper-process.mjs";

// A file with a vector index that libSQL has made: SQLite takes its empty b-tree for an index of nothing.

const refused = {
  code: "VECTOR_INDEX_NOT_SUPPORTED",
  message: /\bt has the libSQL vector index ti\b/,
};
const unknownFunction = {
  code: "VECTOR_INDEX_NOT_SUPPORTED",
  message: /libSQL vector index.*DROP INDEX/,
};

const schema = [
  "create table t (id integer primary key, name text, e F32_BLOB(3))",
  "create table plain (a)",
  "create table other (a)",
  "create view v as select name from t",
  "create trigger after_plain after insert on plain when new.a = 'fire' begin update t set name = 'x'; end",
  "with recursive n (i) as (select 1 union all select i + 1 from n limit 51) " +
    "insert into t select i, 'n' || i, vector32('[1,2,' || i || ']') from n",
];
const index = "create index ti on t (libsql_vector_idx(e))";

async function stock(t: ExecutionContext, file: string, statements: string[]): Promise<void> {
  const { code, errors } = await startHelper("stock-writer", [file, ...statements]).ended;
  t.is(code, 0, errors);
}

async function openWithIndex(
  t: ExecutionContext,
): Promise<{ client: LocalClient; file: string; directory: string }> {
  const database = await temporaryDatabase(t);
  await stock(t, database.file, [...schema, index]);
  return { client: database.open(), file: database.file, directory: database.directory };
}

test("what touches a table with a vector index is refused, whatever it is", async (t) => {
  const { client } = await openWithIndex(t);
  for (const sql of [
    "select count(*) from t",
    "select id from t",
    "select count(*) from main.t as other",
    "select * from t where id = 3",
    "select count(*) from v",
    "select 1 where exists (select 1 from T)",
    "with c as (select id from t) select * from c",
    "create table copy as select * from t",
    "insert into plain select id from t",
    "insert into plain values ('fire')",
    "update t set name = 'x' where id = 2",
    "explain select count(*) from t",
  ]) {
    await t.throwsAsync(client.execute(sql), refused, sql);
    await t.throwsAsync(client.executeMultiple(`select 1; ${sql}`), refused, sql);
    await t.throwsAsync(client.batch([sql]), refused, sql);
  }
  for (const sql of ["delete from t where id = 1", "insert into t (name) values ('new')"]) {
    await t.throwsAsync(client.execute(sql), unknownFunction);
  }
  const transaction = await client.transaction();
  await t.throwsAsync(transaction.execute("select id from t"), refused);
  await transaction.execute("select count(*) from plain");
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from plain"), 0, "nothing of it was written");
});

test("the first statement of a client is refused, too", async (t) => {
  const { file } = await openWithIndex(t);
  for (const sql of ["select id from t", "select name from t where id = 1", "select name from v"]) {
    const client = createClient({ url: `file:${file}` });
    await t.throwsAsync(client.execute(sql), refused, sql);
    client.close();
  }
});

test("what does not touch it runs, and dropping the index mends it", async (t) => {
  const { client } = await openWithIndex(t);
  await client.execute("insert into other values (1)");
  t.deepEqual(await selectColumn(client, "select a from other"), [1]);
  t.is(await selectValue(client, "select count(*) from sqlite_schema where name = 'ti'"), 1);
  await client.execute("drop index ti");
  t.is(await selectValue(client, "select count(*) from t"), 51);
  await client.execute("insert into t (id, name) values (100, 'new')");
  t.is((await selectColumn(client, "select id from t")).length, 52);
  t.is(await selectValue(client, "pragma integrity_check"), "ok");
});

test("the table can be dropped with its index", async (t) => {
  const { client } = await openWithIndex(t);
  await client.execute("drop trigger after_plain");
  await client.execute("drop table t");
  t.is(await selectValue(client, "select count(*) from sqlite_schema where name = 'ti'"), 0);
});

test("a table of which foreign keys delete the rows is not dropped with its index", async (t) => {
  const { client } = await openWithIndex(t);
  await client.execute("create table child (t integer references t)");
  // SQLite would find the rows missing in the index, and the file damaged.
  await t.throwsAsync(client.execute("drop table t"), refused);
  await client.execute("drop table other");
  await client.execute("pragma foreign_keys = off");
  await client.execute("drop table t");
});

test("the tables of the PRAGMAs that check a database do not take the file for damaged", async (t) => {
  const { client } = await openWithIndex(t);
  for (const name of ["integrity_check", "quick_check"]) {
    await t.throwsAsync(client.execute(`select * from pragma_${name}`), refused);
  }
});

test("what tells an index of libSQL from ours is not dropped while there is one", async (t) => {
  const { client } = await openWithIndex(t);
  const drop = "drop table libsql_vector_meta_shadow";
  await t.throwsAsync(client.execute(drop), refused);
  await t.throwsAsync(client.execute("select count(*) from t"), refused);
  await client.execute("drop index ti");
  await client.execute(drop);
  t.is(await selectValue(client, "select count(*) from t"), 51);
});

test("an index that libSQL makes while we have the file open is seen by the next statement", async (t) => {
  const database = await temporaryDatabase(t);
  await stock(t, database.file, schema);
  const client = database.open();
  const count = { sql: "select count(*) from t", args: [] };
  for (let i = 0; i < 3; i++) t.is((await client.execute(count)).rows[0]?.[0], 51);
  const none = "select id from t where id < 0";
  const some = "select id from t where id > 0";
  const update = "update t set name = name || '!' where id = 1";
  for (const sql of [none, some, update]) await client.execute(sql);
  await stock(t, database.file, [index]);
  for (let i = 0; i < 3; i++) {
    for (const sql of [count, some, none, "select id from t"]) {
      await t.throwsAsync(client.execute(sql), refused);
    }
  }
  const error = await t.throwsAsync(client.execute(update), refused);
  t.like(error, { committed: undefined });
  await stock(t, database.file, ["drop index ti"]);
  t.is((await client.execute(count)).rows[0]?.[0], 51);
});

const write = "update plain set a = (select count(*) from t)";
const ways: Record<string, (client: LocalClient) => Promise<unknown>> = {
  execute: (client) => client.execute(write),
  "execute, returning": (client) => client.execute(`${write} returning a`),
  executeMultiple: (client) => client.executeMultiple(`select 1; ${write}; select 2`),
  batch: (client) => client.batch([write], "write"),
  "a transaction": async (client) => {
    const transaction = await client.transaction("write");
    try {
      await transaction.execute(write);
    } finally {
      // Nothing was written that a COMMIT could keep.
      await transaction.commit();
    }
  },
};

for (const [way, run] of Object.entries(ways)) {
  for (const isKnown of [true, false]) {
    const known = isKnown ? "a statement that ran before" : "a new statement";
    test(`${way}: ${known} that writes what it read of such a table has no effect`, async (t) => {
      const database = await temporaryDatabase(t);
      await stock(t, database.file, schema);
      const client = database.open();
      await client.execute("insert into plain values (0)");
      if (isKnown) await run(client);
      const before = isKnown ? 51 : 0;
      t.is(await selectValue(client, "select a from plain"), before);
      await stock(t, database.file, [index]);
      await t.throwsAsync(run(client), refused);
      await stock(t, database.file, ["drop index ti"]);
      t.is(await selectValue(client, "select a from plain"), before);
      await run(client);
      t.is(await selectValue(client, "select a from plain"), 51);
    });
  }
}

test("a table with a vector index in an attached file is refused, and one of the same name is not", async (t) => {
  const { file } = await openWithIndex(t);
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.executeMultiple("create table t (id); insert into t values (7)");
  await client.execute({ sql: "attach ? as other", args: [file] });
  t.is(await selectValue(client, "select id from main.t"), 7);
  await t.throwsAsync(client.execute("select id from other.t"), refused);
  await client.execute("drop index other.ti");
  t.is(await selectValue(client, "select count(*) from other.t"), 51);
});

test("what goes through the whole file says what stands in its way", async (t) => {
  const { client, file, directory } = await openWithIndex(t);
  await t.throwsAsync(client.execute("vacuum"), unknownFunction);
  await t.throwsAsync(client.execute("pragma integrity_check"), unknownFunction);
  await t.throwsAsync(
    client.replaceDatabase({
      build: async (staging, old) => {
        await staging.execute("create table t (n)");
        const { rows } = (await old?.execute("select count(*) from t")) ?? { rows: [] };
        await staging.execute("insert into t values (?)", [rows[0]?.[0] ?? null]);
      },
    }),
    { code: "BUILD_FAILED", message: refused.message },
  );
  client.close();
  const { message } = unknownFunction;
  await t.throwsAsync(copyDatabase(file, `${directory}/copy.db`), { message });
  await t.throwsAsync(swapDatabase(`${directory}/new.db`, { source: file }), { message });
});

test("a table of libSQL's that SQLite cannot write is said to be one", async (t) => {
  const database = await temporaryDatabase(t);
  await stock(t, database.file, ["create table r (a) random rowid"]);
  await t.throwsAsync(database.open().execute("insert into r values (1)"), {
    code: "RANDOM_ROWID_NOT_SUPPORTED",
    message: /the table r is RANDOM ROWID, which only libSQL knows.*copy it into another table/,
  });
});
