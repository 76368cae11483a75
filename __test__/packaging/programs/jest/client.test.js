const { rmSync } = require("node:fs");
const { createClient } = require("@libsql/client");

const file = "jest.db";

afterAll(() => rmSync(file, { force: true }));

test.each([
  ["a file", `file:${file}`],
  ["memory", ":memory:"],
])("a client on %s", async (_, url) => {
  const client = createClient({ url });
  await client.batch(["create table t (a)", "insert into t values (1)"], "write");
  const { rows } = await client.execute("select a from t");
  expect(rows.map(({ a }) => a)).toEqual([1]);
  await expect(client.execute("select * from nowhere")).rejects.toThrow("no such table");
  client.close();
});
