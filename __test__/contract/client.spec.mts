import { existsSync } from "node:fs";
import test from "ava";
import { LibsqlError } from "latchdb";
import { openClient, openUrl, selectValue, temporaryDatabase } from "../support/database.mjs";

test("createClient is synchronous and creates the file", async (t) => {
  const database = await temporaryDatabase(t);
  t.false(existsSync(database.file));
  database.open();
  t.true(existsSync(database.file));
});

test("a client is an instance of a class", async (t) => {
  const client = await openClient(t);
  t.not(client.constructor.name, "Object");
});

test("the protocol of a local client is file", async (t) => {
  t.is((await openClient(t)).protocol, "file");
  t.is(openUrl(t, ":memory:").protocol, "file");
});

test("what one client wrote the next one reads", async (t) => {
  const database = await temporaryDatabase(t);
  const first = database.open();
  await first.executeMultiple("create table t (a); insert into t values (1)");
  first.close();
  t.is(await selectValue(database.open(), "select a from t"), 1);
});

test("calls that are not awaited keep their order", async (t) => {
  const client = await openClient(t);
  const order: string[] = [];
  const note = (name: string) => () => order.push(name);
  const created = client.execute("create table t (a)").then(note("create"));
  const inserted = client.execute("insert into t values (1)").then(note("insert"));
  const batched = client.batch(["insert into t values (2)"], "write").then(note("batch"));
  const script = client.executeMultiple("insert into t values (3)").then(note("script"));
  const count = selectValue(client, "select count(*) from t");
  await Promise.all([created, inserted, batched, script]);
  t.is(await count, 3);
  t.deepEqual(order, ["create", "insert", "batch", "script"]);
});

test("many reads at once each get their own answer", async (t) => {
  const client = await openClient(t);
  const numbers = Array.from({ length: 200 }, (_, index) => index);
  const answers = await Promise.all(
    numbers.map((number) => selectValue(client, { sql: "select ?", args: [number] })),
  );
  t.deepEqual(answers, numbers);
});

test("closed tells whether the client is closed, at once", async (t) => {
  const client = await openClient(t);
  t.false(client.closed);
  const result: unknown = client.close();
  t.is(result, undefined);
  t.true(client.closed);
});

test("closing twice is one close", async (t) => {
  const client = await openClient(t);
  client.close();
  t.notThrows(() => client.close());
  t.true(client.closed);
});

test("every call on a closed client is CLIENT_CLOSED", async (t) => {
  const client = await openClient(t);
  client.close();
  const closed = { instanceOf: LibsqlError, code: "CLIENT_CLOSED" };
  await t.throwsAsync(client.execute("select 1"), closed);
  await t.throwsAsync(client.batch([]), closed);
  await t.throwsAsync(client.batch(["select 1"], "write"), closed);
  await t.throwsAsync(client.migrate(["select 1"]), closed);
  await t.throwsAsync(client.transaction(), closed);
  await t.throwsAsync(client.executeMultiple("select 1"), closed);
  await t.throwsAsync(client.sync(), closed);
});

test("a call that close() overtakes has its answer or is CLIENT_CLOSED, but settles", async (t) => {
  const client = await openClient(t);
  const call = client.execute("select 1 as a").then(
    ({ rows }) => rows[0]?.["a"],
    (error: LibsqlError) => error.code,
  );
  client.close();
  const answer = await call;
  t.true(answer === 1 || answer === "CLIENT_CLOSED", String(answer));
});

test("reconnect opens a closed client again and keeps the file's data", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("create table t (a); insert into t values (1)");
  client.close();
  const reconnected: unknown = client.reconnect();
  t.true(reconnected instanceof Promise);
  await reconnected;
  t.false(client.closed);
  t.is(await selectValue(client, "select a from t"), 1);
});

test("a client that was reconnected closes afresh", async (t) => {
  const client = await openClient(t);
  client.close();
  await client.reconnect();
  client.close();
  t.true(client.closed);
  await t.throwsAsync(client.execute("select 1"), { code: "CLIENT_CLOSED" });
});

test("reconnect closes the transactions of an open client", async (t) => {
  const client = await openClient(t);
  const transaction = await client.transaction("read");
  await client.reconnect();
  t.true(transaction.closed);
  await t.throwsAsync(transaction.execute("select 1"), { code: "TRANSACTION_CLOSED" });
  t.is(await selectValue(client, "select 1"), 1);
});

test("reconnect keeps the configuration of the client", async (t) => {
  const client = await openClient(t, { intMode: "bigint" });
  client.close();
  await client.reconnect();
  t.is(await selectValue(client, "select 1"), 1n);
});

test("reconnect of an in-memory database starts an empty one", async (t) => {
  const client = openUrl(t, ":memory:");
  await client.execute("create table t (a)");
  await client.reconnect();
  await t.throwsAsync(client.execute("select * from t"), {
    code: "SQLITE_ERROR",
    message: /no such table: t/,
  });
});
