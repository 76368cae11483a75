import test from "ava";
import type { ExecutionContext } from "ava";
import { LibsqlError } from "latchdb";
import type { Client } from "latchdb";
import { elapsed } from "../support/elapsed.mjs";
import { openClient, selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";

// Serial: some of these tests measure time.

async function clientWithTable(t: ExecutionContext, timeout?: number): Promise<Client> {
  const client = await openClient(t, { timeout });
  await client.execute("create table t (a)");
  return client;
}

test.serial(
  "four write transactions at once all succeed, in the order of their calls",
  async (t) => {
    const client = await clientWithTable(t);
    const began: number[] = [];
    await Promise.all(
      [1, 2, 3, 4].map(async (number) => {
        const transaction = await client.transaction("write");
        began.push(number);
        await transaction.execute({ sql: "insert into t values (?)", args: [number] });
        await transaction.commit();
      }),
    );
    t.deepEqual(began, [1, 2, 3, 4]);
    t.deepEqual(await selectColumn(client, "select a from t order by rowid"), [1, 2, 3, 4]);
  },
);

const writes: Array<[string, (client: Client) => Promise<unknown>]> = [
  ["execute", (client) => client.execute("insert into t values ('client')")],
  ["batch", (client) => client.batch(["insert into t values ('client')"], "write")],
  ["a deferred batch", (client) => client.batch(["insert into t values ('client')"])],
  ["executeMultiple", (client) => client.executeMultiple("insert into t values ('client')")],
  ["migrate", (client) => client.migrate(["insert into t values ('client')"])],
];

for (const [name, write] of writes) {
  test.serial(`${name} that writes waits for the client's own transaction`, async (t) => {
    const client = await clientWithTable(t);
    const transaction = await client.transaction("write");
    let written = false;
    const writing = t.notThrowsAsync(
      write(client).then(() => {
        written = true;
      }),
    );
    await transaction.execute("insert into t values ('transaction')");
    t.false(written);
    await transaction.commit();
    await writing;
    t.deepEqual(await selectColumn(client, "select a from t order by rowid"), [
      "transaction",
      "client",
    ]);
  });
}

test.serial("a write that waits goes ahead when the transaction is rolled back", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("write");
  const writing = t.notThrowsAsync(client.execute("insert into t values ('client')"));
  await transaction.execute("insert into t values ('transaction')");
  await transaction.rollback();
  await writing;
  t.deepEqual(await selectColumn(client, "select a from t"), ["client"]);
});

test.serial("a write that waits goes ahead when the transaction is closed", async (t) => {
  const client = await clientWithTable(t);
  const transaction = await client.transaction("write");
  const writing = t.notThrowsAsync(client.execute("insert into t values ('client')"));
  await transaction.execute("insert into t values ('transaction')");
  transaction.close();
  await writing;
  t.deepEqual(await selectColumn(client, "select a from t"), ["client"]);
});

for (const [name, write] of [
  ...writes,
  ["transaction", (client: Client) => client.transaction("write")] as const,
]) {
  test.serial(
    `${name} that waits for an idle transaction is SQLITE_BUSY after the timeout`,
    async (t) => {
      const client = await clientWithTable(t, 300);
      const transaction = await client.transaction("write");
      const waited = await elapsed(async () => {
        await t.throwsAsync(write(client), { instanceOf: LibsqlError, code: "SQLITE_BUSY" });
      });
      t.true(waited >= 250 && waited < 5000, `${waited} ms`);
      await transaction.execute("insert into t values ('transaction')");
      await transaction.commit();
      t.deepEqual(await selectColumn(client, "select a from t"), ["transaction"]);
    },
  );
}

test.serial("writes after one that timed out still take their turn", async (t) => {
  const client = await clientWithTable(t, 300);
  const transaction = await client.transaction("write");
  await t.throwsAsync(client.execute("insert into t values ('too early')"), {
    code: "SQLITE_BUSY",
  });
  const writing = t.notThrowsAsync(client.execute("insert into t values ('in time')"));
  await transaction.execute("select 1");
  await transaction.commit();
  await writing;
  t.deepEqual(await selectColumn(client, "select a from t"), ["in time"]);
});

test.serial("what a client writes after a SQLITE_BUSY is there for the others", async (t) => {
  const database = await temporaryDatabase(t);
  const holder = database.open();
  const other = database.open();
  await holder.execute("create table t (a)");
  const transaction = await holder.transaction("write");
  await t.throwsAsync(other.execute("insert into t values (1)"), { code: "SQLITE_BUSY" });
  await transaction.commit();
  await other.execute("insert into t values (1)");
  t.is(await selectValue(holder, "select count(*) from t"), 1);
});
