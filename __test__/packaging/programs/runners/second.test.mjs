import { rmSync } from "node:fs";
import { createClient } from "@libsql/client";
import { afterAll, beforeAll, expect, test } from "vitest";

const file = `second-${process.env.VITEST_POOL_ID}.db`;
let client;
beforeAll(async () => {
  rmSync(file, { force: true });
  client = createClient({ url: `file:${file}` });
  await client.batch(["CREATE TABLE t (a)", "INSERT INTO t VALUES (1)"], "write");
});
afterAll(() => client.close());

test("a transaction", async () => {
  const transaction = await client.transaction("write");
  await transaction.execute("UPDATE t SET a = 2");
  await transaction.commit();
  const { rows } = await client.execute("SELECT a FROM t");
  expect(rows.map(({ a }) => a)).toEqual([2]);
});

// The pools end a worker that has one.
test("a client that nobody closes", async () => {
  const forgotten = createClient({ url: `file:${file}` });
  expect((await forgotten.execute("SELECT a FROM t")).rows).toHaveLength(1);
});
