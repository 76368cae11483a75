import { rename, unlink } from "node:fs/promises";
import test from "ava";
import { openClient, selectValue, temporaryDatabase } from "../support/database.mjs";
import { internal } from "../support/internals.mjs";

test("lastInsertRowid stays right after a schema change met by a failing INSERT", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t(a unique)");
  const insert = (a: number) => client.execute("insert into t values (?)", [a]);
  t.is((await insert(1)).lastInsertRowid, 1n);
  await client.execute("create table other(a)");
  await t.throwsAsync(insert(1), { code: "SQLITE_CONSTRAINT" });
  t.is((await insert(2)).lastInsertRowid, 2n);
  t.is((await insert(3)).lastInsertRowid, 3n);
});

test("a statement answers the same after a thousand others were used", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t(a)");
  const insert = () => client.execute("insert into t values (1)");
  t.is((await insert()).lastInsertRowid, 1n);
  for (let i = 0; i < 1000; i++) {
    t.is(await selectValue(client, `select ${i} as "n${i % 700}"`), i);
    if (i % 100 === 99) t.is((await insert()).rowsAffected, 1);
  }
  t.is((await insert()).lastInsertRowid, 12n);
});

test("a thousand texts at once are a thousand answers", async (t) => {
  const client = await openClient(t);
  const answers = Array.from({ length: 1500 }, (_, i) => selectValue(client, `select ${i}`));
  t.deepEqual(await Promise.all(answers), [...answers.keys()]);
});

test("looking whether a batch writes carries no PRAGMA out", async (t) => {
  const client = await openClient(t);
  await client.batch(["pragma foreign_keys = off", "select 1"]);
  t.is(await selectValue(client, "pragma foreign_keys"), 1);
});

test("a PRAGMA behind the first statement is not carried out", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, "select 1; pragma foreign_keys = off"), 1);
  t.is(await selectValue(client, "pragma foreign_keys"), 1);
});

test("foreign keys are the same on all connections after a script in which SQLite ignored them", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("begin; pragma foreign_keys = off; commit");
  const transaction = await client.transaction("deferred");
  t.is(await selectValue(transaction, "pragma foreign_keys"), 1);
  await transaction.commit();
});

test("a deleted file is not created anew by a further connection", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("create table t(a)");
  await unlink(database.file);
  await t.throwsAsync(client.transaction("write"), { code: "SQLITE_READONLY" });
  await t.throwsAsync(rename(database.file, `${database.file}.moved`), { code: "ENOENT" });
});

interface Numbers {
  of(sql: string): number;
  used(): void;
}
interface Requests {
  statement(statement: { sql: string; args: unknown }): unknown;
}
const { StatementNumbers } = internal<{
  StatementNumbers: new (define: () => void, forget: (id: number) => void) => Numbers;
}>("local/native/statements");
const { Requests } = internal<{ Requests: new (intMode: string, numbers: Numbers) => Requests }>(
  "local/scheduler/requests",
);

test("calls that an argument makes do not release the number of its own call", (t) => {
  const forgotten: number[] = [];
  const numbers = new StatementNumbers(
    () => undefined,
    (id) => forgotten.push(id),
  );
  const requests = new Requests("number", numbers);
  const args = {
    get a(): number {
      for (let i = 0; i < 500; i++) {
        requests.statement({ sql: `select ${i}`, args: [] });
        // Each of them runs in place.
        numbers.used();
      }
      return 1;
    },
  };
  requests.statement({ sql: "select :a", args });
  t.false(forgotten.includes(1));
  numbers.used();
  t.true(forgotten.includes(1));
});
