/** How a file is opened: `readOnly`, `fileMustExist`. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import test from "ava";
import { createClient } from "latchdb";
import {
  openClient,
  selectValue,
  temporaryDatabase,
  temporaryDirectory,
} from "../support/database.mjs";
import { journalModes, prepare } from "../support/queries.mjs";

for (const mode of journalModes) {
  test(`a client that only reads, in journal mode ${mode}`, async (t) => {
    const { open } = await temporaryDatabase(t);
    const writer = open();
    await prepare(writer, mode);
    await writer.execute("insert into t values (1)");
    const client = open({ readOnly: true });
    const refused = { code: "SQLITE_READONLY" };
    for (let run = 0; run < 4; run++) {
      t.is(await selectValue(client, "select count(*) from t"), 1);
      await t.throwsAsync(client.execute("insert into t values (2)"), refused);
    }
    await t.throwsAsync(client.batch(["insert into t values (2)"]), refused);
    await t.throwsAsync(client.executeMultiple("select 1; delete from t"), refused);
    await t.throwsAsync(
      client.transaction((tx) => tx.execute("insert into t values (2)"), { mode: "deferred" }),
      refused,
    );
    await client.reconnect();
    await t.throwsAsync(client.execute("create table u (a)"), refused);
    t.is(await selectValue(client, "select count(*) from t"), 1);
    // The others go on, and the client sees it.
    await writer.execute("insert into t values (3)");
    t.is(await selectValue(client, "select count(*) from t"), 2);
    for await (const row of client.iterate("select max(a) from t")) t.is(row[0], 3);
  });
}

test("a missing file is an error, and not created", async (t) => {
  const directory = await temporaryDirectory(t);
  const url = `file:${directory}/missing.db`;
  for (const options of [{ fileMustExist: true }, { readOnly: true }]) {
    t.throws(() => createClient({ url, ...options }), {
      code: "SQLITE_CANTOPEN",
      message: /cannot open the database file .*missing\.db: .*No such file|cannot find the file/,
    });
    t.deepEqual(await readdir(directory), []);
  }
  const made = createClient({ url, fileMustExist: false });
  made.close();
  t.true(existsSync(`${directory}/missing.db`));
  const client = createClient({ url, fileMustExist: true });
  t.teardown(() => client.close());
  await client.execute("create table t (a)");
  t.is(await selectValue(client, "select count(*) from t"), 0);
});

test("a database in memory", async (t) => {
  t.throws(() => createClient({ url: ":memory:", readOnly: true }), {
    instanceOf: TypeError,
    message: /^readOnly is for files/,
  });
  const client = createClient({ url: ":memory:", fileMustExist: true });
  t.teardown(() => client.close());
  t.is(await selectValue(client, "select 1"), 1);
});

test("anything but a boolean is a TypeError", async (t) => {
  const { url } = await temporaryDatabase(t);
  for (const name of ["readOnly", "fileMustExist", "strict"]) {
    for (const value of [1, "true", {}]) {
      t.throws(() => createClient({ url, [name]: value }), {
        instanceOf: TypeError,
        message: new RegExp(`^${name} must be true or false, got `),
      });
    }
    for (const none of [null, undefined]) createClient({ url, [name]: none }).close();
  }
  await openClient(t);
});
