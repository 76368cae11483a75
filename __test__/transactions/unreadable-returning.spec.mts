import test from "ava";
import type { ExecutionContext } from "ava";
import type { LocalClient } from "latchdb";
import { openClient, openUrl, selectColumn, selectValue } from "../support/database.mjs";

// What rejects is not in the file: also where a statement has written and only its answer cannot be
// given, because a JavaScript number cannot hold an integer, or no string the texts of a row.

/** 2^53 + 1: `intMode: "number"` refuses it. */
const UNSAFE = "9007199254740993";
const refused = { instanceOf: RangeError, message: /cannot be safely represented/ };

async function clientWithTable(t: ExecutionContext): Promise<LocalClient> {
  const client = await openClient(t);
  await client.executeMultiple(
    "create table t (id integer primary key, a); insert into t values (1, 'one'), (2, 'two')",
  );
  return client;
}

function content(client: Pick<LocalClient, "execute">): Promise<unknown[]> {
  return selectColumn(client, "select id || ' ' || a from t order by id");
}

const before = ["1 one", "2 two"];

/** Each writes, and gives an answer that has the integer. */
const statements: Array<[string, string]> = [
  ["INSERT", `insert into t values (3, 'three') returning ${UNSAFE}`],
  ["INSERT of the integer itself", `insert into t values (${UNSAFE}, 'x') returning id`],
  [
    "INSERT of several rows, of which the last has it",
    `insert into t values (3, 'x'), (4, 'x'), (5, 'x') returning iif(id = 5, ${UNSAFE}, id)`,
  ],
  [
    "INSERT of so many rows that the first ones are sent before the last one is read",
    "with recursive n(i) as (select 10 union all select i + 1 from n where i < 30000) " +
      `insert into t select i, 'x' from n returning iif(id = 30000, ${UNSAFE}, id)`,
  ],
  ["INSERT OR REPLACE", `insert or replace into t values (1, 'x') returning ${UNSAFE}`],
  ["REPLACE", `replace into t values (2, 'x') returning ${UNSAFE}`],
  [
    "an upsert",
    `insert into t values (1, 'x') on conflict do update set a = 'y' returning ${UNSAFE}`,
  ],
  ["UPDATE", `update t set a = 'x' returning ${UNSAFE}`],
  ["UPDATE whose second row has it", `update t set a = 'x' returning iif(id = 2, -${UNSAFE}, id)`],
  ["DELETE", `delete from t returning ${UNSAFE}`],
  ["DELETE whose second row has it", `delete from t returning iif(id = 2, ${UNSAFE}, id)`],
  [
    "a common table expression",
    `with n as (select 3 as i) insert into t select i, 'x' from n returning ${UNSAFE}`,
  ],
];

for (const [name, sql] of statements) {
  test(`nothing is written by ${name} whose answer cannot be given`, async (t) => {
    const client = await clientWithTable(t);
    // The second time from the cache of statements.
    for (const _ of [1, 2]) {
      await t.throwsAsync(client.execute(sql), refused);
      t.deepEqual(await content(client), before);
    }
    await client.execute("insert into t values (9, 'nine')");
    t.deepEqual(await content(client), [...before, "9 nine"]);
  });

  test(`in a transaction, ${name} whose answer cannot be given is undone alone`, async (t) => {
    const client = await clientWithTable(t);
    const transaction = await client.transaction("write");
    await transaction.execute("insert into t values (70007, 'seven')");
    await t.throwsAsync(transaction.execute(sql), refused);
    t.false(transaction.closed);
    t.deepEqual(await content(transaction), [...before, "70007 seven"]);
    await transaction.execute("insert into t values (80008, 'eight')");
    await transaction.commit();
    t.deepEqual(await content(client), [...before, "70007 seven", "80008 eight"]);
  });

  test(`after a BEGIN of execute, ${name} whose answer cannot be given is undone alone`, async (t) => {
    const client = await clientWithTable(t);
    await client.execute("begin");
    await client.execute("insert into t values (70007, 'seven')");
    await t.throwsAsync(client.execute(sql), refused);
    t.deepEqual(await content(client), [...before, "70007 seven"]);
    await client.execute("commit");
    t.deepEqual(await content(client), [...before, "70007 seven"]);
  });
}

for (const mode of ["write", "deferred"] as const) {
  test(`a ${mode} batch whose answer cannot be given is rolled back`, async (t) => {
    const client = await clientWithTable(t);
    for (const [, sql] of statements) {
      const batch = [
        "insert into t values (70007, 'seven')",
        sql,
        "insert into t values (80008, 'eight')",
      ];
      await t.throwsAsync(client.batch(batch, mode));
      t.deepEqual(await content(client), before);
    }
  });
}

test("a migration whose answer cannot be given is rolled back", async (t) => {
  const client = await clientWithTable(t);
  await t.throwsAsync(
    client.migrate(["create table u (a)", `insert into t values (3, 'x') returning ${UNSAFE}`]),
  );
  t.deepEqual(await content(client), before);
  t.is(await selectValue(client, "select count(*) from sqlite_schema where name = 'u'"), 0);
  t.is(await selectValue(client, "pragma foreign_keys"), 1);
});

test("in a transaction's batch, a statement whose answer cannot be given is undone alone", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("write");
  await t.throwsAsync(
    transaction.batch([
      "insert into t values (70007, 'seven')",
      `insert into t values (3, 'x') returning ${UNSAFE}`,
      "insert into t values (80008, 'eight')",
    ]),
  );
  t.false(transaction.closed);
  // As with any statement that fails there: what came before it stays.
  await transaction.commit();
  t.deepEqual(await content(client), [...before, "70007 seven"]);
});

test("what its triggers and foreign keys did is undone, too", async (t) => {
  const client = await clientWithTable(t);
  await client.executeMultiple(`
    create table log (a);
    create table child (id integer primary key, t references t (id) on delete cascade);
    insert into child values (1, 1);
    create trigger logging after delete on t begin insert into log values (old.id); end;
  `);
  const transaction = await client.transaction("write");
  for (const executor of [transaction, client]) {
    if (executor === client) await transaction.rollback();
    await t.throwsAsync(executor.execute(`delete from t returning ${UNSAFE}`), refused);
    t.deepEqual(await content(executor), before);
    t.is(await selectValue(executor, "select count(*) from log"), 0);
    t.is(await selectValue(executor, "select count(*) from child"), 1);
  }
});

test("a savepoint of the caller's own is still there after an answer that cannot be given", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("write");
  await transaction.execute("savepoint mine");
  await transaction.execute("insert into t values (70007, 'seven')");
  await t.throwsAsync(
    transaction.execute(`insert into t values (3, 'x') returning ${UNSAFE}`),
    refused,
  );
  t.deepEqual(await content(transaction), [...before, "70007 seven"]);
  await transaction.execute("rollback to mine");
  await transaction.execute("release mine");
  await transaction.commit();
  t.deepEqual(await content(client), before);
});

test("calls behind an answer that cannot be given run as if it had not been called", async (t) => {
  const client = await clientWithTable(t);
  const sql = `insert into t values (3, 'x') returning ${UNSAFE}`;
  const [first, bad, last] = await Promise.allSettled([
    client.execute("insert into t values (70007, 'seven')"),
    client.execute(sql),
    client.execute("insert into t values (3, 'three')"),
  ]);
  t.deepEqual(
    [first, bad, last].map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  t.deepEqual(await content(client), [...before, "3 three", "70007 seven"]);
});

test("in memory, nothing is written where the answer cannot be given", async (t) => {
  const client = openUrl(t, ":memory:");
  await client.execute("create table t (id integer primary key, a)");
  await t.throwsAsync(client.execute(`insert into t values (3, 'x') returning ${UNSAFE}`), refused);
  t.deepEqual(await content(client), []);
});

for (const intMode of ["bigint", "string"] as const) {
  test(`with intMode "${intMode}" the answer is given, and the row written`, async (t) => {
    const client = await openClient(t, { intMode });
    await client.execute("create table t (id integer primary key, a)");
    const { rows, rowsAffected, lastInsertRowid } = await client.execute(
      `insert into t values (${UNSAFE}, 'x') returning id`,
    );
    t.is(String(rows[0]?.[0]), UNSAFE);
    t.is(typeof rows[0]?.[0], intMode);
    t.is(rowsAffected, 1);
    t.is(lastInsertRowid, BigInt(UNSAFE));
    t.is(String(await selectValue(client, "select count(*) from t")), "1");
  });
}

test("an unsafe integer that is written and not asked for is no error", async (t) => {
  const client = await clientWithTable(t);
  const { lastInsertRowid } = await client.execute(`insert into t values (${UNSAFE}, 'x')`);
  t.is(lastInsertRowid, BigInt(UNSAFE));
});

// Serial: the texts of such a row are half a gigabyte.
test.serial("nothing is written where the texts of a returned row are too long", async (t) => {
  const client = await clientWithTable(t);
  // 2^29 + 2 characters; 2^29 - 24 are the most (LONGEST_TEXT in src/wire/records.rs).
  const sql = "insert into t values (3, 'x') returning hex(zeroblob(268435457))";
  const tooLarge = { code: "SQLITE_TOOBIG" };
  await t.throwsAsync(client.execute(sql), tooLarge);
  t.deepEqual(await content(client), before);
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (70007, 'seven')");
  await t.throwsAsync(transaction.execute(sql), tooLarge);
  await transaction.commit();
  t.deepEqual(await content(client), [...before, "70007 seven"]);
});
