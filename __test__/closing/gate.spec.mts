import test from "ava";
import { LibsqlError } from "latchdb";
import type { LocalClient, LatchTransaction } from "latchdb";
import { ConnectionPool, Sqlite3Client } from "latchdb/sqlite3";
import {
  openClient,
  openUrl,
  selectValue,
  temporaryDatabase,
  temporaryDirectory,
} from "../support/database.mjs";
import { lockElsewhere } from "../support/processes.mjs";

const closed = { instanceOf: LibsqlError, code: "CLIENT_CLOSED" };
const transactionClosed = { instanceOf: LibsqlError, code: "TRANSACTION_CLOSED" };

type ClientCall = [string, (client: LocalClient) => Promise<unknown>];
type TransactionCall = [string, (transaction: LatchTransaction) => Promise<unknown>];

const many = Array.from({ length: 600 }, () => "select 1");

const clientCalls: ClientCall[] = [
  ["execute", (client) => client.execute("select 1")],
  ["execute of a statement object", (client) => client.execute({ sql: "select ?", args: [1] })],
  ["batch", (client) => client.batch(["select 1"], "write")],
  ["batch of many", (client) => client.batch(many)],
  ["batch of nothing", (client) => client.batch([])],
  ["migrate", (client) => client.migrate(["select 1"])],
  ["transaction", (client) => client.transaction()],
  ["transaction to read", (client) => client.transaction("read")],
  ["executeMultiple", (client) => client.executeMultiple("select 1")],
  ["sync", (client) => client.sync()],
];

const transactionCalls: TransactionCall[] = [
  ["execute", (transaction) => transaction.execute("select 1")],
  ["batch", (transaction) => transaction.batch(["select 1"])],
  ["batch of many", (transaction) => transaction.batch(many)],
  ["executeMultiple", (transaction) => transaction.executeMultiple("select 1")],
  ["commit", (transaction) => transaction.commit()],
];

const endings: Array<[string, (client: LocalClient) => unknown]> = [
  ["close()", (client) => client.close()],
  ["shutdown()", (client) => client.shutdown()],
  ["shutdown() that drains", (client) => client.shutdown({ drain: true })],
  ["Symbol.dispose", (client) => client[Symbol.dispose]()],
  ["Symbol.asyncDispose", (client) => client[Symbol.asyncDispose]()],
];

for (const [ending, end] of endings) {
  for (const [name, call] of clientCalls) {
    test(`${name} after ${ending} is CLIENT_CLOSED, at once and later`, async (t) => {
      const client = await openClient(t);
      await call(client).catch(() => undefined);
      const ended = end(client);
      t.true(client.closed);
      await t.throwsAsync(call(client), closed);
      await ended;
      await t.throwsAsync(call(client), closed);
    });
  }

  for (const [name, call] of transactionCalls) {
    test(`a transaction's ${name} after ${ending} is TRANSACTION_CLOSED`, async (t) => {
      const client = await openClient(t);
      const transaction = await client.transaction();
      await transaction.execute("create table t (a)");
      await end(client);
      t.true(transaction.closed);
      await t.throwsAsync(call(transaction), transactionClosed);
    });
  }

  test(`a transaction's rollback and close after ${ending} do nothing`, async (t) => {
    const client = await openClient(t);
    const transaction = await client.transaction();
    await end(client);
    await t.notThrowsAsync(transaction.rollback());
    t.notThrows(() => transaction.close());
    t.true(transaction.closed);
  });
}

test("a client that was never opened is told apart from a closed one", async (t) => {
  const directory = await temporaryDirectory(t);
  for (const [name, call] of clientCalls) {
    const client = new Sqlite3Client(new ConnectionPool(`${directory}/test.db`, {}, 1));
    await t.throwsAsync(
      call(client),
      { instanceOf: LibsqlError, code: "CLIENT_NEVER_OPENED" },
      name,
    );
    client.close();
    await t.throwsAsync(call(client), closed, `${name} after close()`);
  }
});

test("a client whose database could not be opened again is closed", async (t) => {
  const directory = await temporaryDirectory(t);
  const client = new Sqlite3Client(new ConnectionPool(`${directory}/missing/test.db`, {}, 1));
  await t.throwsAsync(client.reconnect(), { instanceOf: LibsqlError, code: "SQLITE_CANTOPEN" });
  await t.throwsAsync(client.execute("select 1"), closed);
});

test("a transaction that is begun and not awaited when the client closes is CLIENT_CLOSED", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open({ timeout: 60_000 });
  // Another one has the lock: there is no way for it to have begun.
  const lock = await lockElsewhere(t, database.file, "write");
  const beginning = t.throwsAsync(client.transaction("write"), closed);
  client.close();
  await beginning;
  await lock.release();
});

test("a transaction that may have begun when the client closes is refused or closed", async (t) => {
  for (let round = 0; round < 20; round++) {
    const client = await openClient(t);
    const beginning = client.transaction("write");
    client.close();
    const begun = await beginning.catch((error: unknown) => {
      t.like(error, { code: "CLIENT_CLOSED" });
      return undefined;
    });
    if (begun === undefined) continue;
    t.true(begun.closed);
    await t.throwsAsync(begun.execute("select 1"), transactionClosed);
  }
});

test("closing twice is one closing", async (t) => {
  const client = await openClient(t);
  const pending = client.transaction("write");
  client.close();
  t.notThrows(() => client.close());
  await pending.catch(() => undefined);
  t.notThrows(() => client.close());
  t.true(client.closed);
  await t.throwsAsync(client.execute("select 1"), closed);
});

test("shutdown() called twice is one closing, whatever the second one asks for", async (t) => {
  const client = await openClient(t);
  const first = client.shutdown({ drain: true });
  t.is(client.shutdown(), first);
  const report = await first;
  t.is(await client.shutdown(), report);
});

for (const turns of [0, 1, 2]) {
  test(`close() hurries a shutdown that drains, ${turns} turns after it`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open({ timeout: 60_000 });
    await client.execute("create table t (a)");
    const lock = await lockElsewhere(t, database.file, "write");
    const blocked = t.throwsAsync(client.execute("insert into t values (1)"), closed);
    const queued = t.throwsAsync(client.execute("insert into t values (2)"), closed);
    const shutdown = client.shutdown({ drain: true, timeoutMs: 60_000 });
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    const began = performance.now();
    client.close();
    t.true(performance.now() - began < 1000);
    await Promise.all([blocked, queued]);
    const { ms } = await shutdown;
    t.true(ms < 10_000, `${ms} ms`);
    await lock.release();
  });
}

test("close() during a shutdown that does not drain waits for the same closing", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("pragma journal_mode = wal");
  await client.execute("create table t (a)");
  const shutdown = client.shutdown();
  client.close();
  const other = database.open();
  // Only whoever is alone may leave wal mode.
  t.is(await selectValue(other, "pragma journal_mode = delete"), "delete");
  await t.notThrowsAsync(shutdown);
});

test("reconnect() after close() opens the client again, its old transactions stay closed", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  const old = await client.transaction();
  client.close();
  await client.reconnect();
  t.false(client.closed);
  const current = await client.transaction();
  await current.execute("insert into t values (1)");
  t.true(old.closed);
  await t.throwsAsync(old.execute("insert into t values (2)"), transactionClosed);
  await t.throwsAsync(old.commit(), transactionClosed);
  await old.rollback();
  old.close();
  t.false(current.closed);
  await current.commit();
  t.is(await selectValue(client, "select group_concat(a) from t"), "1");
});

test("reconnect() of an open client rejects what has not ended and goes on", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open({ timeout: 60_000 });
  await client.execute("create table t (a)");
  const lock = await lockElsewhere(t, database.file, "write");
  const blocked = t.throwsAsync(client.execute("insert into t values (1)"), closed);
  const queued = t.throwsAsync(client.execute("select 1"), closed);
  await client.reconnect();
  await Promise.all([blocked, queued]);
  await lock.release();
  await client.execute("insert into t values (2)");
  t.is(await selectValue(client, "select group_concat(a) from t"), "2");
});

test("a client that was reopened closes afresh", async (t) => {
  const client = await openClient(t);
  for (let round = 0; round < 3; round++) {
    await client.reconnect();
    t.is(await selectValue(client, "select 1"), 1);
    if (round % 2 === 0) client.close();
    else await client.shutdown();
    await t.throwsAsync(client.execute("select 1"), closed);
  }
});

test("a client in memory is closed like one on a file, and empty when it is opened again", async (t) => {
  const client = openUrl(t, ":memory:");
  await client.execute("create table t (a)");
  client.close();
  await t.throwsAsync(client.execute("select 1"), closed);
  await client.reconnect();
  t.is(await selectValue(client, "select count(*) from sqlite_schema"), 0);
});

test("closing one client leaves another one on the same file open", async (t) => {
  const database = await temporaryDatabase(t);
  const [first, second] = [database.open(), database.open()];
  await first.execute("create table t (a)");
  const transaction = await second.transaction("write");
  await transaction.execute("insert into t values (1)");
  first.close();
  await transaction.commit();
  t.is(await selectValue(second, "select count(*) from t"), 1);
});
