/** `readOnly` of a statement: a write is refused before it has an effect. */
import test from "ava";
import { openClient, selectColumn } from "../support/database.mjs";
import { journalModes, prepare } from "../support/queries.mjs";

const refused = {
  code: "SQLITE_READONLY",
  message: /attempt to write a readonly database: the statement has the option readOnly$/,
};

/** libSQL's, which an iterator does not know. */
const alterColumn = "alter table t alter column a to a integer";

for (const mode of journalModes) {
  test(`a write is refused, in journal mode ${mode}`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    const writes = [
      "insert into t values (1)",
      "insert into t values (1) returning a",
      "delete from t",
      "create table u (a)",
      "pragma user_version = 5",
      "vacuum",
      "with n as (select 1) insert into t select * from n",
      "create table if not exists t (a)",
      "begin immediate",
      alterColumn,
    ];
    for (const sql of writes) {
      for (let run = 0; run < 3; run++) {
        await t.throwsAsync(client.execute({ sql, readOnly: true }), refused, sql);
      }
      await t.throwsAsync(client.get({ sql, readOnly: true }), refused, sql);
      await t.throwsAsync(client.iterate({ sql, readOnly: true }).next(), refused, sql);
    }
    const insert = { sql: "insert into t values (2)", readOnly: true };
    // A statement that has run in place before.
    await client.execute("pragma synchronous = normal");
    for (let run = 0; run < 10; run++) {
      await client.execute("insert into t values (2)");
      await t.throwsAsync(client.execute(insert), refused);
    }
    await client.execute("delete from t");
    await t.throwsAsync(client.batch(["insert into t values (3)", insert]), {
      ...refused,
      message: /the statement has the option readOnly\n {2}insert into t values \(2\)$/,
    });
    await client.transaction(async (tx) => {
      await tx.execute("insert into t values (4)");
      await t.throwsAsync(tx.execute(insert), refused);
      await t.throwsAsync(
        tx.transaction((inner) => inner.execute(insert)),
        refused,
      );
    });
    t.deepEqual(await selectColumn(client, "select a from t"), [4]);
    t.deepEqual(await selectColumn(client, "pragma user_version"), [0]);
  });
}

test("a statement that reads is run", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  const reads = [
    "select 1",
    "values (1)",
    "pragma user_version",
    "explain insert into t values (1)",
    "begin",
    "commit",
  ];
  for (const sql of reads) await t.notThrowsAsync(client.execute({ sql, readOnly: true }), sql);
  await t.notThrowsAsync(client.execute({ sql: "insert into t values (1)", readOnly: false }));
});
