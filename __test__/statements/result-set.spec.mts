import test from "ava";
import type { ExecutionContext } from "ava";
import type { Client } from "latchdb";
import { openClient } from "../support/database.mjs";

async function clientWithTwoRows(t: ExecutionContext): Promise<Client> {
  const client = await openClient(t);
  await client.executeMultiple(`
    create table t (id integer primary key, name text);
    insert into t (name) values ('a'), ('b');
  `);
  return client;
}

test("INSERT with RETURNING counts its rows and names the last", async (t) => {
  const client = await clientWithTwoRows(t);
  const one = await client.execute("insert into t (name) values ('c') returning id");
  t.deepEqual({ ...one.rows[0] }, { id: 3 });
  t.is(one.rowsAffected, 1);
  t.is(one.lastInsertRowid, 3n);
  const two = await client.execute("insert into t (name) values ('d'), ('e') returning id");
  t.is(two.rows.length, 2);
  t.is(two.rowsAffected, 2);
  t.is(two.lastInsertRowid, 5n);
});

test("UPDATE with RETURNING counts its rows and inserts none", async (t) => {
  const client = await clientWithTwoRows(t);
  const { rowsAffected, lastInsertRowid } = await client.execute(
    "update t set name = 'x' returning id",
  );
  t.is(rowsAffected, 2);
  t.is(lastInsertRowid, undefined);
});

test("DELETE with RETURNING counts its rows and inserts none", async (t) => {
  const client = await clientWithTwoRows(t);
  const { rowsAffected, lastInsertRowid } = await client.execute("delete from t returning id");
  t.is(rowsAffected, 2);
  t.is(lastInsertRowid, undefined);
});

test("RETURNING is counted in batches and transactions as well", async (t) => {
  const client = await clientWithTwoRows(t);
  const insert = "insert into t (name) values ('c') returning id";
  const [batched] = await client.batch([insert], "write");
  t.is(batched?.rowsAffected, 1);
  t.is(batched?.lastInsertRowid, 3n);
  const transaction = await client.transaction();
  const { rowsAffected, lastInsertRowid } = await transaction.execute(insert);
  t.is(rowsAffected, 1);
  t.is(lastInsertRowid, 4n);
  await transaction.commit();
});

for (const sql of [
  "update t set name = 'x'",
  "delete from t",
  "create table u (a)",
  "alter table t add column b",
  "drop table t",
  "create index i on t (name)",
]) {
  test(`lastInsertRowid is undefined after: ${sql}`, async (t) => {
    const client = await clientWithTwoRows(t);
    t.is((await client.execute("insert into t (name) values ('c')")).lastInsertRowid, 3n);
    t.is((await client.execute(sql)).lastInsertRowid, undefined);
  });
}

test("lastInsertRowid is exact where a number would not be", async (t) => {
  const client = await clientWithTwoRows(t);
  const { lastInsertRowid } = await client.execute(
    "insert into t (id) values (9223372036854775807)",
  );
  t.is(lastInsertRowid, 9223372036854775807n);
});
