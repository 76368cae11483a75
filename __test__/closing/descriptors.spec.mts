import { realpathSync } from "node:fs";
import test from "ava";
import { createClient } from "latchdb";
import { selectValue, temporaryDatabase, temporaryDirectory } from "../support/database.mjs";
import type { TemporaryDatabase } from "../support/database.mjs";
import {
  assertNothingBeside,
  assertNothingOpen,
  descriptorsOf,
  hasProc,
  latchdbThreads,
} from "../support/open-files.mjs";
import { journalModes, prepare } from "../support/queries.mjs";

// Serial: these tests count the threads of the process.

for (const mode of journalModes) {
  test.serial(`close() gives back what was seen to be open (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    await prepare(client, mode);
    const transactions = [];
    for (let i = 0; i < 3; i++) {
      const transaction = await client.transaction(i === 0 ? "write" : "read");
      await transaction.execute("select count(*) from t");
      transactions.push(transaction);
    }
    await transactions[0]?.execute("insert into t values (1)");
    if (hasProc) {
      // What the other tests look for shows while it is there.
      t.true(descriptorsOf(database.file).length >= 4);
      t.true(latchdbThreads().length >= 4);
    } else {
      t.log("no /proc on this system: descriptors and threads were not looked at");
    }
    client.close();
    assertNothingOpen(t, database.file);
    await assertNothingBeside(t, database.file);
  });

  test.serial(`shutdown() leaves nothing open either (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    await prepare(client, mode);
    const transaction = await client.transaction("write");
    await transaction.execute("insert into t values (1)");
    await client.shutdown();
    assertNothingOpen(t, database.file);
    await assertNothingBeside(t, database.file);
  });

  test.serial(`reconnect() leaves nothing of what was open before (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    await prepare(client, mode);
    for (let i = 0; i < 5; i++) {
      const transaction = await client.transaction("write");
      await transaction.execute("insert into t values (1)");
      await client.reconnect();
    }
    t.is(await selectValue(client, "select count(*) from t"), 0);
    client.close();
    assertNothingOpen(t, database.file);
    await assertNothingBeside(t, database.file);
  });

  test.serial(`the last of several clients takes the files beside along (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const [first, second] = [database.open(), database.open()];
    await prepare(first, mode);
    await second.execute("insert into t values (1)");
    first.close();
    t.is(await selectValue(second, "select count(*) from t"), 1);
    second.close();
    assertNothingOpen(t, database.file);
    await assertNothingBeside(t, database.file);
  });
}

/** Opens clients at the same time, and closes them. */
async function openAndClose(database: TemporaryDatabase, count: number): Promise<void> {
  const clients = Array.from({ length: count }, () => database.open());
  for (const client of clients) await client.execute("select * from t");
  for (const client of clients) client.close();
}

for (const mode of journalModes) {
  for (const kind of ["read", "write"] as const) {
    const title = `beside a ${kind} transaction of another client, SQLite keeps no more descriptors than were open (${mode})`;
    test.serial(title, async (t) => {
      if (!hasProc) {
        t.log("no /proc on this system: descriptors were not looked at");
        t.pass();
        return;
      }
      const database = await temporaryDatabase(t);
      const other = database.open();
      await prepare(other, mode);
      const path = realpathSync(database.file);
      const ofFile = (): number => descriptorsOf(path).filter((it) => it === path).length;
      const transaction = await other.transaction(kind);
      await transaction.execute("select * from t");
      if (kind === "write") await transaction.execute("insert into t values (1)");
      const own = ofFile();

      await openAndClose(database, 4);
      t.is(ofFile(), own + 4, "one for each closed connection");
      for (let i = 0; i < 10; i++) await openAndClose(database, 3);
      t.is(ofFile(), own + 4, "later connections take the kept ones");

      await transaction.rollback();
      if (mode !== "wal") t.is(ofFile(), own, "the end of the transaction lets its locks go");
      other.close();
      assertNothingOpen(t, database.file);
    });
  }
}

test.serial("a client whose database could not be opened leaves nothing", async (t) => {
  const directory = await temporaryDirectory(t);
  t.throws(() => createClient({ url: `file:${directory}` }), { code: "SQLITE_CANTOPEN" });
  assertNothingOpen(t, directory);
});
