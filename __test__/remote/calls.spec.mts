/** Signals, limits, parallel calls, and the closing of clients of servers. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import test from "ava";
import { createClient, LibsqlError, type PartlyCommitted } from "latchdb";
import { selectColumn, selectValue } from "../support/database.mjs";
import { elapsed } from "../support/elapsed.mjs";
import { FaultProxy } from "../support/fault-proxy.mjs";
import { hasServer, protocols } from "../support/sqld.mjs";
import { endlessSelect, slowSelect, sharedServer } from "./servers.mjs";

const shared = sharedServer(test);
const closed = { instanceOf: LibsqlError, code: "CLIENT_CLOSED" };

/** What a call rejects with. A DOMException is no error to AVA. */
function reasonOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => "no reason",
    (reason: unknown) => reason,
  );
}

for (const protocol of protocols) {
  test(`${protocol}: an aborted call rejects with the reason at once, and the client goes on`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const controller = new AbortController();
    const { signal } = controller;
    const call = client.execute({ sql: endlessSelect, signal });
    const reason = new Error("no longer wanted");
    setTimeout(() => controller.abort(reason), 50);
    t.is(await t.throwsAsync(call), reason);
    t.is(await t.throwsAsync(client.execute({ sql: "select 1", signal })), reason);
    t.is(await t.throwsAsync(client.batch(["select 1"], "read", { signal })), reason);
    t.is(await t.throwsAsync(client.transaction("read", { signal })), reason);
    t.is(await t.throwsAsync(client.executeMultiple("select 1", { signal })), reason);
    t.is(await selectValue(client, "select 1"), 1);
  });

  test(`${protocol}: the signal of a transaction closes it`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    const controller = new AbortController();
    const transaction = await client.transaction("write", { signal: controller.signal });
    await transaction.execute(`insert into ${table} values (1, 'x')`);
    controller.abort();
    t.true(transaction.closed);
    await t.throwsAsync(transaction.commit(), { code: "TRANSACTION_CLOSED" });
    t.is(await selectValue(client, `select count(*) from ${table}`), 0);
  });

  test(`${protocol}: an aborted operation ends its transaction`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    const transaction = await client.transaction("deferred");
    await transaction.execute(`select * from ${table}`);
    const signal = AbortSignal.timeout(50);
    t.is(await reasonOf(transaction.execute({ sql: endlessSelect, signal })), signal.reason);
    t.true(transaction.closed);
    await t.throwsAsync(transaction.execute("select 1"), { code: "TRANSACTION_CLOSED" });
  });

  test(`${protocol}: queryTimeout ends a call, and its error says what is not known`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol, { queryTimeout: 500 });
    // The connection is there before the time counts.
    await client.execute({ sql: "select 1", queryTimeout: 60_000 });
    const timedOut = (): Promise<(LibsqlError & PartlyCommitted) | undefined> =>
      t.throwsAsync<LibsqlError & PartlyCommitted>(client.execute(endlessSelect), {
        code: "SQLITE_INTERRUPT",
      });
    let error = await timedOut();
    // On a busy machine a call may not have been sent in time. Its error says so, and it is made again.
    while (error !== undefined && /was not sent/.test(error.message)) {
      t.is(error.maybeCommitted, undefined);
      error = await timedOut();
    }
    t.regex(error?.message ?? "", /has not answered within 500 ms/);
    t.true(error?.maybeCommitted);
    const patient = shared.open(t, protocol);
    const sql = endlessSelect;
    await patient.execute("select 1");
    await t.throwsAsync(patient.execute({ sql, queryTimeout: 50 }), { code: "SQLITE_INTERRUPT" });
    await t.throwsAsync(patient.batch([sql], "read", { queryTimeout: 50 }), {
      code: "SQLITE_INTERRUPT",
    });
    t.is(await selectValue(patient, "select 1"), 1);
  });

  test(`${protocol}: queryTimeout does not count the wait for the earlier calls of a transaction`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const transaction = await client.transaction("read");
    await transaction.execute("select 1");
    const began = performance.now();
    const slow = transaction.execute(slowSelect);
    const behind = transaction.execute({ sql: "select 1", queryTimeout: 400 });
    await slow;
    t.true(performance.now() - began > 400, "the wait is longer than the limit");
    t.is((await behind).rows.length, 1);
    const ended = transaction.execute({ sql: endlessSelect, queryTimeout: 50 });
    const error = await t.throwsAsync<LibsqlError & PartlyCommitted>(ended, {
      code: "SQLITE_INTERRUPT",
      message:
        /within 50 ms \(queryTimeout\)\. The transaction is over, and the server rolls it back$/,
    });
    t.is(error?.maybeCommitted, undefined);
    t.true(transaction.closed);
    const next = await t.throwsAsync(transaction.execute("select 1"), {
      code: "TRANSACTION_CLOSED",
    });
    t.is((next?.cause as LibsqlError | undefined)?.code, "SQLITE_INTERRUPT");
  });

  test(`${protocol}: close() ends what is under way`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol, { concurrency: 1 });
    const calls = [
      client.execute(endlessSelect),
      client.execute("select 1"),
      client.batch(["select 2"]),
    ];
    const ended = Promise.all(calls.map((call) => t.throwsAsync(call, closed)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.close();
    await ended;
  });

  test(`${protocol}: shutdown() with drain lets calls finish, and rolls transactions back`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol, { concurrency: 2 });
    const transaction = await client.transaction();
    const inTransaction = transaction.execute(`insert into ${table} values (1, 'x')`);
    await inTransaction;
    const reads = Array.from({ length: 5 }, (_, i) => selectValue(client, `select ${i}`));
    const report = await client.shutdown({ drain: true });
    t.deepEqual(await Promise.all(reads), [0, 1, 2, 3, 4]);
    t.true(client.closed);
    t.true(transaction.closed);
    t.is(report.path, `${shared.url(protocol)}/`);
    t.is(report.drained, 6);
    t.is(report.cancelled, 0);
    t.is(report.connections, protocol === "ws" ? 1 : 0);
    t.deepEqual(
      report.steps.map(({ step }) => step),
      ["drain", "cancel", "close"],
    );
    await t.throwsAsync(client.execute("select 1"), closed);
    t.is(await selectValue(shared.open(t, protocol), `select count(*) from ${table}`), 0);
  });

  test(`${protocol}: shutdown() cancels at its limit; simultaneous callers share one closing`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const call = t.throwsAsync(client.execute(endlessSelect), closed);
    const [first, second] = [
      client.shutdown({ drain: true, timeoutMs: 60_000 }),
      client.shutdown({ drain: true, timeoutMs: 50 }),
    ];
    await call;
    const report = await first;
    t.is(await second, report);
    t.is(report.cancelled, 1);
    t.true(report.ms < 30_000);
    await t.throwsAsync(client.shutdown({ timeoutMs: NaN }), { instanceOf: RangeError });
  });

  test(`${protocol}: a closing tells its steps on latchdb:close, without the token`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol, { authToken: "geheim" });
    await client.execute("select 1");
    const heard: unknown[] = [];
    const hear = (message: unknown): void => {
      if ((message as { path: string }).path.startsWith(protocol)) heard.push(message);
    };
    subscribe("latchdb:close", hear);
    await client.shutdown();
    unsubscribe("latchdb:close", hear);
    t.true(heard.length >= 2);
    t.notRegex(inspect(heard), /geheim/);
    t.notRegex(inspect(client, { depth: 20, showHidden: true }), /geheim/);
  });

  test(`${protocol}: dispose and asyncDispose close`, async (t) => {
    if (!hasServer(t)) return;
    const first = shared.open(t, protocol);
    first[Symbol.dispose]();
    t.true(first.closed);
    const second = shared.open(t, protocol);
    await second[Symbol.asyncDispose]();
    t.true(second.closed);
    const transaction = await shared.open(t, protocol).transaction();
    transaction[Symbol.dispose]();
    t.true(transaction.closed);
  });
}

test("ws: close() before a call has reached its connection leaves no other connection", async (t) => {
  if (!hasServer(t)) return;
  const proxy = await FaultProxy.start(shared.server.port);
  t.teardown(() => proxy.stop());
  const client = createClient({ url: `ws://127.0.0.1:${proxy.port}` });
  await client.execute("select 1");
  // The call looks first whether the server has gone meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 10));
  const late = client.execute("select 1");
  client.close();
  await t.throwsAsync(late, { code: "CLIENT_CLOSED" });
  // A connection that was opened nevertheless has been accepted before this one.
  const other = createClient({ url: `ws://127.0.0.1:${proxy.port}` });
  await other.execute("select 1");
  other.close();
  t.is(proxy.connections, 2);
});

test("http: as many calls run at a time as concurrency says", async (t) => {
  let running = 0;
  let most = 0;
  const waiting: Array<() => void> = [];
  const server = createServer((request, response) => {
    request.resume();
    most = Math.max(most, ++running);
    const answer = (): void => {
      running--;
      response.setHeader("content-type", "application/json");
      const result = { cols: [], rows: [], affected_row_count: 0, last_insert_rowid: null };
      const results = [
        { type: "ok", response: { type: "execute", result } },
        { type: "ok", response: { type: "close" } },
      ];
      response.end(JSON.stringify({ baton: null, base_url: null, results }));
    };
    waiting.push(answer);
    // All that may run are here: let them go.
    if (waiting.length === 3) for (const go of waiting.splice(0)) go();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const client = createClient({ url: `http://127.0.0.1:${port}`, concurrency: 3 });
  t.teardown(() => client.close());
  await Promise.all(Array.from({ length: 12 }, () => client.execute("select 1")));
  t.is(most, 3);
});

test("a call that was aborted while it waits gives its turn to the next", async (t) => {
  if (!hasServer(t)) return;
  const client = shared.open(t, "http", { concurrency: 1 });
  const controller = new AbortController();
  const first = client.execute("select 1");
  const aborted = reasonOf(client.execute({ sql: "select 2", signal: controller.signal }));
  const third = selectValue(client, "select 3");
  controller.abort();
  t.is(await aborted, controller.signal.reason);
  await first;
  t.is(await third, 3);
});

test("a large result does not stop the event loop while rows are made", async (t) => {
  if (!hasServer(t)) return;
  const { client, table } = await shared.withTable(t, "http");
  await client.execute(
    `insert into ${table} with recursive c (n) as (select 1 union all select n + 1 from c where n < 30000) select n, 'x' from c`,
  );
  t.is((await selectColumn(client, `select a from ${table}`)).length, 30_000);
  t.true((await elapsed(() => client.execute(`select * from ${table}`))) < 60_000);
});
