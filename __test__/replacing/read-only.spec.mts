/** A client that can only read: what a replacement gives its caller for the old database. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { LibsqlError } from "latchdb";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { assertNothingBeside } from "../support/open-files.mjs";
import { journalModes } from "../support/queries.mjs";
import { openSuspendable, suspendable } from "../support/suspension.mjs";

const readOnly = { instanceOf: LibsqlError, code: "SQLITE_READONLY" };

for (const mode of journalModes) {
  test(`it reads beside a writer, and cannot write in any way (${mode})`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client: writer } = await suspendable(t, file, mode);
    await writer.execute("insert into t values (1)");
    const { client } = openSuspendable(file, { readOnly: true });
    t.teardown(() => client.close());
    // As it is while a replacement is being built: nobody can commit, everybody can read.
    const held = await writer.transaction("write");
    t.deepEqual(await selectColumn(client, "select a from t"), [1]);
    await held.commit();
    for (const sql of [
      "insert into t values (2)",
      "create table u (a)",
      "pragma user_version = 2",
    ]) {
      await t.throwsAsync(client.execute(sql), readOnly, sql);
      await t.throwsAsync(client.batch([sql], "write"), readOnly, sql);
      await t.throwsAsync(client.executeMultiple(sql), readOnly, sql);
      const transaction = await client.transaction("write");
      await t.throwsAsync(transaction.execute(sql), readOnly, sql);
      await transaction.rollback();
    }
    const other = mode === "wal" ? "delete" : "wal";
    await client.execute(`pragma journal_mode = ${other}`).catch(() => undefined);
    client.close();
    t.is(await selectValue(writer, "pragma journal_mode"), mode);
    t.deepEqual(await selectColumn(writer, "select a from t"), [1]);
    writer.close();
    await assertNothingBeside(t, file);
  });
}

test("a file that is missing is not created", async (t) => {
  const { directory } = await temporaryDatabase(t);
  const missing = join(directory, "missing.db");
  const error = t.throws(() => openSuspendable(missing, { readOnly: true }), {
    instanceOf: LibsqlError,
    code: "SQLITE_CANTOPEN",
  });
  t.true(error?.message.includes(missing));
  t.deepEqual(await readdir(directory), []);
});
