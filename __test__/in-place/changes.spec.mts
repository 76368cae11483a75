/** `changes()` is the number of rows that the last write has changed, whatever the client looks at beside it. */
import test from "ava";
import { openClient, selectValue } from "../support/database.mjs";

const cases = [
  ["auto", "changes()"],
  ["thread", "changes()"],
  ["auto", "last_rows_affected()"],
] as const;

for (const [execution, changes] of cases) {
  test(`${changes} is that of the last write, however often it has run (${execution})`, async (t) => {
    const client = await openClient(t, { execution });
    await client.execute("create table t (a)");
    const inserted = [];
    for (let i = 0; i < 8; i++) {
      await client.execute({ sql: "insert into t values (?), (?)", args: [i, i] });
      inserted.push(await selectValue(client, `select ${changes}`));
    }
    t.deepEqual(inserted, Array(8).fill(2));
    const updated = [];
    for (let i = 0; i < 8; i++) {
      await client.execute(`insert into t values (${changes})`);
      updated.push(await selectValue(client, "select a from t order by rowid desc limit 1"));
    }
    t.deepEqual(updated, [2, 1, 1, 1, 1, 1, 1, 1]);
    const transaction = await client.transaction("write");
    const deleted = [];
    for (let i = 0; i < 8; i++) {
      await transaction.execute({ sql: "delete from t where a = ?", args: [i] });
      deleted.push(await selectValue(transaction, `select ${changes}`));
    }
    await transaction.commit();
    t.deepEqual(deleted, [2, 9, 3, 2, 2, 2, 2, 2]);
  });
}
