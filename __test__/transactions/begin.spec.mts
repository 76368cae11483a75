import { once } from "node:events";
import { Worker } from "node:worker_threads";
import test from "ava";
import type { LocalClient } from "latchdb";
import {
  openClient,
  openUrl,
  selectColumn,
  selectValue,
  temporaryDatabase,
} from "../support/database.mjs";

// A BEGIN that execute() is given is honoured, as SQLite and @libsql/client 0.17 have it: until its end
// the client's statements and scripts run in it.

const insert = (value: number | string): string =>
  `insert into t values (${typeof value === "number" ? value : `'${value}'`})`;
const noTransaction = { code: "SQLITE_ERROR", message: /no transaction is active/ };

async function openTable(client: LocalClient): Promise<LocalClient> {
  await client.executeMultiple("create table t (a); create table u (id integer primary key)");
  return client;
}

const values = (client: LocalClient): Promise<unknown[]> =>
  selectColumn(client, "select a from t order by rowid");

for (const [what, begin] of [
  ["BEGIN", "BEGIN"],
  ["begin, in lower case", "begin"],
  ["a deferred one", "begin deferred transaction"],
  ["an immediate one", "BEGIN IMMEDIATE"],
  ["an exclusive one", "BEGIN EXCLUSIVE"],
  ["one behind comments and blanks", "  -- begin\n/* here * we */ ;; begin"],
  ["one with text behind it", "begin; select 1"],
] as const) {
  test(`what runs in ${what} is there after COMMIT and gone after ROLLBACK`, async (t) => {
    const client = await openTable(await openClient(t));
    await client.execute(begin);
    await client.execute(insert(1));
    await client.execute({ sql: "insert into t values (:a)", args: { a: 2 } });
    t.deepEqual(await values(client), [1, 2]);
    await client.execute("rollback");
    t.deepEqual(await values(client), []);
    await client.execute({ sql: begin, args: [] });
    await client.execute(insert(3));
    await client.execute("commit");
    await t.throwsAsync(client.execute("rollback"), noTransaction);
    t.deepEqual(await values(client), [3]);
  });
}

test("END commits, and COMMIT, ROLLBACK and END without a BEGIN fail", async (t) => {
  const client = await openTable(await openClient(t));
  await client.execute("begin");
  await client.execute(insert(1));
  await client.execute("end");
  t.deepEqual(await values(client), [1]);
  for (const sql of ["commit", "rollback", "end"]) {
    await t.throwsAsync(client.execute(sql), noTransaction, sql);
  }
});

test("a second BEGIN fails and leaves the first open", async (t) => {
  const client = await openTable(await openClient(t));
  await client.execute("begin");
  await client.execute(insert(1));
  const within = { message: /cannot start a transaction within a transaction/ };
  await t.throwsAsync(client.execute("begin"), within);
  await client.execute("rollback");
  t.deepEqual(await values(client), []);
});

test("a statement that fails leaves the transaction open and what was before it", async (t) => {
  const client = await openTable(await openClient(t));
  await client.execute("begin");
  await client.execute("insert into u values (1)");
  await t.throwsAsync(client.execute("insert into u values (2), (1)"), {
    code: "SQLITE_CONSTRAINT",
  });
  await t.throwsAsync(client.execute("nonsense"), { code: "SQLITE_ERROR" });
  await client.execute("insert into u values (3)");
  await client.execute("commit");
  t.deepEqual(await selectColumn(client, "select id from u"), [1, 3]);
});

test("OR ROLLBACK ends it: what follows is on its own", async (t) => {
  const client = await openTable(await openClient(t));
  await client.execute("begin");
  await client.execute("insert into u values (1)");
  await t.throwsAsync(client.execute("insert or rollback into u values (1)"));
  await client.execute("insert into u values (5)");
  await t.throwsAsync(client.execute("commit"), noTransaction);
  t.deepEqual(await selectColumn(client, "select id from u"), [5]);
});

test("SAVEPOINT begins one, too, and RELEASE commits it; inside of one it goes back to it", async (t) => {
  const client = await openTable(await openClient(t));
  await client.execute("savepoint s");
  await client.execute(insert(1));
  await client.execute("rollback to s");
  await client.execute(insert(2));
  await client.execute("release s");
  await t.throwsAsync(client.execute("commit"), noTransaction);
  await client.execute("begin");
  await client.execute(insert(3));
  await client.execute("savepoint s");
  await client.execute(insert(4));
  await client.execute("rollback to s");
  await client.execute("release s");
  await client.execute("commit");
  t.deepEqual(await values(client), [2, 3]);
});

test("calls that are not awaited run in it, in their order", async (t) => {
  const client = await openTable(await openClient(t));
  const calls = [
    client.execute(insert(0)),
    client.execute("begin"),
    client.execute(insert(1)),
    client.executeMultiple(`${insert(2)}; ${insert(3)}`),
    client.execute("select count(*) from t"),
    client.execute("rollback"),
    client.execute(insert(4)),
  ];
  const counted = (await Promise.all(calls))[4];
  t.is(counted?.rows[0]?.[0], 4);
  t.deepEqual(await values(client), [0, 4]);
});

test("a script that leaves a transaction open is rolled back, one inside of it may end it", async (t) => {
  const client = await openTable(await openClient(t));
  await client.executeMultiple(`begin; ${insert(1)}`);
  await t.throwsAsync(client.execute("commit"), noTransaction);
  await client.execute("begin");
  await client.execute(insert(2));
  await client.executeMultiple(`${insert(3)}; commit; ${insert(4)}`);
  await t.throwsAsync(client.execute("rollback"), noTransaction);
  t.deepEqual(await values(client), [2, 3, 4]);
});

test("batch(), migrate(), transaction() and replaceDatabase() wait for its end", async (t) => {
  const client = await openTable(await openClient(t));
  await client.execute("begin immediate");
  await client.execute(insert("in it"));
  const order: string[] = [];
  const note = (what: string, call: Promise<unknown>): Promise<unknown> =>
    call.then(() => order.push(what));
  const transaction = async (): Promise<void> => {
    const own = await client.transaction("write");
    await own.execute(insert("transaction"));
    await own.commit();
  };
  const waiting = [
    note("batch", client.batch([insert("batch")])),
    note("migrate", client.migrate([insert("migrate")])),
    note("transaction", transaction()),
  ];
  // Calls that are made later, and belong to the transaction, do not wait behind them.
  await note("insert", client.execute(insert("in it, too")));
  await note("count", client.execute("select count(*) from t"));
  t.deepEqual(order, ["insert", "count"]);
  t.deepEqual(await values(client), ["in it", "in it, too"]);
  await client.execute("rollback");
  await Promise.all(waiting);
  t.deepEqual((await values(client)).toSorted(), ["batch", "migrate", "transaction"]);
  await client.execute("begin");
  await client.execute(insert("gone with the old file"));
  const replaced = client.replaceDatabase({
    build: async (staging) => void (await staging.execute("create table t (a)")),
  });
  await client.execute(insert("this one, too"));
  t.is(await selectValue(client, "select count(*) from t"), 5);
  await client.execute("commit");
  await replaced;
  t.deepEqual(await values(client), []);
});

test("a batch that was called in the same turn is not in it", async (t) => {
  const client = await openTable(await openClient(t));
  const calls = [
    client.execute("begin"),
    client.batch([insert("batch")]),
    client.execute(insert("in it")),
    client.execute("rollback"),
  ];
  await Promise.all(calls);
  t.deepEqual(await values(client), ["batch"]);
});

test("what waits for an idle one ends with the client's patience", async (t) => {
  const client = await openTable(await openClient(t, { timeout: 200 }));
  await client.execute("begin immediate");
  await client.execute(insert(1));
  const idle = { code: "SQLITE_BUSY", message: /execute\("BEGIN"\).*idle for 200 ms/ };
  await Promise.all([
    t.throwsAsync(client.batch([insert(2)]), idle),
    t.throwsAsync(client.transaction("write"), { code: "SQLITE_BUSY" }),
  ]);
  await t.throwsAsync(client.migrate([insert(3)]), idle);
  const replacing = client.replaceDatabase({ build: () => undefined, timeoutMs: 50 });
  await t.throwsAsync(replacing, { code: "TRANSACTION_ACTIVE" });
  await client.execute("commit");
  await client.batch([insert(4)]);
  t.deepEqual(await values(client), [1, 4]);
});

for (const [what, url] of [
  ["a client of one connection", "file"],
  ["a database in memory", ":memory:"],
] as const) {
  test(`${what}: transaction() waits for it, and COMMIT is not refused for that`, async (t) => {
    const config = { concurrency: 1 };
    const opened = url === "file" ? await openClient(t, config) : openUrl(t, url, config);
    const client = await openTable(opened);
    await client.execute("begin");
    const own = client.transaction("write");
    await client.execute(insert(1));
    await client.execute("commit");
    const transaction = await own;
    t.is(await selectValue(transaction, "select count(*) from t"), 1);
    await transaction.rollback();
    await client.execute("begin");
    const waiting = client.transaction();
    await client.execute("rollback");
    (await waiting).close();
  });
}

test("a client that has TEMP tables, made in it or before, keeps to its connection", async (t) => {
  const client = await openTable(await openClient(t));
  await client.execute("begin");
  await client.execute("create temp table own (a)");
  await client.execute("insert into own values (1)");
  await client.execute("commit");
  t.is(await selectValue(client, "select a from own"), 1);
  await client.execute("begin");
  await client.execute("insert into own values (2)");
  const batch = client.batch(["insert into own values (3)"]);
  await client.execute("rollback");
  await batch;
  t.deepEqual(await selectColumn(client, "select a from own"), [1, 3]);
});

test("a transaction that makes TEMP tables meanwhile does not take its connection away", async (t) => {
  const client = await openTable(await openClient(t));
  const transaction = await client.transaction("deferred");
  await client.execute("begin");
  await transaction.execute("create temp table own (a)");
  await transaction.commit();
  await client.execute(insert(1));
  await client.execute(insert(2));
  await client.execute("commit");
  t.deepEqual(await values(client), [1, 2]);
  t.is(await selectValue(client, "select count(*) from own"), 0);
});

test("an aborted write ends it, and what follows is on its own", async (t) => {
  const client = await openTable(await openClient(t));
  await client.execute("begin");
  await client.execute(insert(1));
  const reason = new Error("changed my mind");
  const aborting = new AbortController();
  const endless =
    "insert into t with recursive n (i) as (select 1 union all select i + 1 from n) select i from n";
  const write = client.execute({ sql: endless, signal: aborting.signal });
  await new Promise(setImmediate);
  aborting.abort(reason);
  await t.throwsAsync(write, { is: reason });
  await client.execute(insert(2));
  await t.throwsAsync(client.execute("commit"), noTransaction);
  await client.batch([insert(3)]);
  t.deepEqual(await values(client), [2, 3]);
});

test("a BEGIN that is aborted before it runs begins nothing", async (t) => {
  const client = await openTable(await openClient(t));
  const reason = new Error("changed my mind");
  const aborting = new AbortController();
  const before = client.execute("select count(*) from (select 1 from t, t, t)");
  const begin = client.execute({ sql: "begin", signal: aborting.signal });
  const batch = client.batch([insert(1)]);
  aborting.abort(reason);
  const outcome = await begin.then(
    () => "begun",
    (error: unknown) => error,
  );
  if (outcome === "begun") await client.execute("rollback");
  else t.is(outcome, reason);
  await Promise.all([before, batch]);
  t.deepEqual(await values(client), [1]);
});

for (const how of ["close", "shutdown", "drain", "reconnect"] as const) {
  test(`${how} rolls it back and frees its lock`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = await openTable(database.open());
    await client.execute("begin exclusive");
    await client.execute(insert(1));
    const waiting = client.batch([insert(2)]).then(
      () => "done",
      (error: { code: string }) => error.code,
    );
    if (how === "close") client.close();
    else if (how === "reconnect") await client.reconnect();
    else await client.shutdown({ drain: how === "drain", timeoutMs: 30_000 });
    const isDrained = how === "drain";
    t.is(await waiting, isDrained ? "done" : "CLIENT_CLOSED");
    const other = database.open();
    t.deepEqual(await values(other), isDrained ? [2] : []);
    await other.execute(insert(3));
  });
}

test("BEGIN EXCLUSIVE keeps other clients out until its end", async (t) => {
  const database = await temporaryDatabase(t);
  const client = await openTable(database.open());
  await client.execute("begin exclusive");
  await client.execute(insert(1));
  const [other, patient] = [database.open(), database.open({ timeout: 60_000 })];
  await t.throwsAsync(other.execute(insert(2)), { code: "SQLITE_BUSY" });
  await t.throwsAsync(other.execute("select a from t"), { code: "SQLITE_BUSY" });
  const written = patient.execute(insert(3));
  await client.execute(insert(4));
  await client.execute("commit");
  await written;
  t.deepEqual(await values(other), [1, 4, 3]);
});

for (const how of ["terminate", "exit", "throw", "natural end"]) {
  test(`the end of its worker (${how}) rolls it back and frees its lock`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = await openTable(database.open());
    const program = new URL("../support/programs/explicit-worker.mjs", import.meta.url);
    const worker = new Worker(program, { workerData: { url: database.url } });
    worker.on("error", () => undefined);
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    await once(worker, "message");
    await t.throwsAsync(client.execute(insert(1)), { code: "SQLITE_BUSY" });
    if (how === "terminate") await worker.terminate();
    else worker.postMessage(how);
    await ended;
    await client.execute(insert(2));
    t.deepEqual(await values(client), [2]);
  });
}
