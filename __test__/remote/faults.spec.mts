/** What calls answer when the server, or the way to it, fails. Nothing hangs, and nothing is applied twice. */
import test, { type ExecutionContext } from "ava";
import { createClient, LibsqlError, type LatchClient, type LatchConfig } from "latchdb";
import type { PartlyCommitted } from "latchdb";
import { selectColumn, selectValue } from "../support/database.mjs";
import { FaultProxy } from "../support/fault-proxy.mjs";
import { freePort, hasServer, protocols, TestServer, type Protocol } from "../support/sqld.mjs";
import { endlessSelect } from "./servers.mjs";

interface Place {
  server: TestServer;
  proxy: FaultProxy;
  /** By the proxy. */
  client: LatchClient;
  /** By the protocol, past the proxy: a proxy accepts connections to a server that is not there. */
  direct: LatchClient;
}

type Lost = LibsqlError & PartlyCommitted;

const LOST = { http: "CONNECTION_LOST", ws: "HRANA_WEBSOCKET_ERROR" } as const;
const UNREACHABLE = { http: "SERVER_UNREACHABLE", ws: "HRANA_WEBSOCKET_ERROR" } as const;

/** A server with the table t, a proxy before it, and a client by the proxy. */
async function place(
  t: ExecutionContext,
  protocol: Protocol,
  options: Omit<LatchConfig, "url"> = {},
): Promise<Place> {
  const server = await TestServer.start();
  t.teardown(() => server.remove());
  const proxy = await FaultProxy.start(server.port);
  t.teardown(() => proxy.stop());
  const client = createClient({ url: `${protocol}://127.0.0.1:${proxy.port}`, ...options });
  t.teardown(() => client.close());
  const direct = createClient({ url: server.url(protocol), ...options });
  t.teardown(() => direct.close());
  await direct.execute("create table t (a integer primary key)");
  await client.execute("select 1");
  return { server, proxy, client, direct };
}

for (const protocol of protocols) {
  test(`${protocol}: a server that was restarted between two calls fails neither`, async (t) => {
    if (!hasServer(t)) return;
    const { server, client } = await place(t, protocol);
    await client.execute("insert into t values (1)");
    await server.kill();
    await server.start();
    await client.execute("insert into t values (2)");
    t.deepEqual(await selectColumn(client, "select a from t"), [1, 2]);
  });

  test(`${protocol}: a pooled connection that went away is made anew`, async (t) => {
    if (!hasServer(t)) return;
    const { client, proxy } = await place(t, protocol);
    for (let i = 1; i <= 5; i++) {
      await client.execute({ sql: "insert into t values (?)", args: [i] });
      await proxy.drop();
      // The end has to arrive: a request that is under way to a dead connection may have been carried out.
      await new Promise(setImmediate);
    }
    t.is(await selectValue(client, "select count(*) from t"), 5);
  });

  test(`${protocol}: a read whose answer is lost is sent again`, async (t) => {
    if (!hasServer(t)) return;
    const { client, proxy } = await place(t, protocol);
    proxy.cutAfter(10);
    t.is(await selectValue(client, "/* a comment */ select 7"), 7);
    proxy.cutAfter(10);
    t.is((await client.batch(["select 1", "values (2)"], "read")).length, 2);
  });

  test(`${protocol}: a write whose answer is lost is not sent again, and its error says so`, async (t) => {
    if (!hasServer(t)) return;
    const { client, direct, proxy } = await place(t, protocol);
    proxy.mode = "swallow";
    const lost = { instanceOf: LibsqlError, code: LOST[protocol], message: /may have carried/ };
    const one = await t.throwsAsync<Lost>(client.execute("insert into t values (1)"), lost);
    t.true(one?.maybeCommitted);
    t.true(one?.cause instanceof Error);
    proxy.mode = "pass";
    if (protocol === "ws") await client.execute("select 1");
    proxy.mode = "swallow";
    const two = await t.throwsAsync<Lost>(
      client.batch(["insert into t values (2)"], "write"),
      lost,
    );
    t.true(two?.maybeCommitted);
    proxy.mode = "pass";
    // What the server does with a request whose sender is gone is its own affair; here it has no copies.
    const rows = await selectColumn(direct, "select a from t");
    t.true(rows.every((row) => row === 1 || row === 2));
    await client.execute("delete from t");
    t.is(await selectValue(direct, "select count(*) from t"), 0);
  });

  test(`${protocol}: a server that is killed in a call ends it`, async (t) => {
    if (!hasServer(t)) return;
    const { client, proxy, server } = await place(t, protocol);
    const requested = proxy.nextRequest();
    const call = t.throwsAsync<Lost>(client.execute(`insert into t ${endlessSelect}`), {
      code: LOST[protocol],
    });
    await requested;
    await server.kill();
    t.true((await call)?.maybeCommitted);
    await server.start();
    t.is(await selectValue(client, "select count(*) from t"), 0);
  });

  test(`${protocol}: a transaction on a server that was killed is over, with the cause`, async (t) => {
    if (!hasServer(t)) return;
    const { direct: client, server } = await place(t, protocol);
    const transaction = await client.transaction();
    await transaction.execute("insert into t values (1)");
    await server.kill();
    await server.start();
    const over = { instanceOf: LibsqlError, code: "TRANSACTION_CLOSED" };
    const error = await t.throwsAsync(transaction.execute("insert into t values (2)"), over);
    t.true(error?.cause instanceof LibsqlError);
    t.true(transaction.closed);
    await t.throwsAsync(transaction.execute("insert into t values (3)"), over);
    await t.throwsAsync(transaction.commit(), over);
    await t.notThrowsAsync(transaction.rollback());
    t.is(await selectValue(client, "select count(*) from t"), 0);
  });

  test(`${protocol}: a transaction that has not begun yet begins on another connection`, async (t) => {
    if (!hasServer(t)) return;
    const { client, proxy } = await place(t, protocol);
    const transaction = await client.transaction();
    await proxy.drop();
    await new Promise(setImmediate);
    await transaction.execute("insert into t values (1)");
    await transaction.commit();
    t.is(await selectValue(client, "select count(*) from t"), 1);
  });

  test(`${protocol}: a transaction begins on a server that is being started`, async (t) => {
    if (!hasServer(t)) return;
    const { direct: client, server } = await place(t, protocol, { timeout: 60_000 });
    const transaction = await client.transaction();
    await server.kill();
    // The end of the connection has to arrive.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const operation = transaction.execute("insert into t values (1)");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await server.start();
    await operation;
    await transaction.commit();
    t.is(await selectValue(client, "select count(*) from t"), 1);
  });

  test(`${protocol}: a commit whose answer is lost says that nobody knows`, async (t) => {
    if (!hasServer(t)) return;
    const { client, direct, proxy } = await place(t, protocol);
    const transaction = await client.transaction();
    await transaction.execute("insert into t values (1)");
    proxy.mode = "swallow";
    const error = await t.throwsAsync<Lost>(transaction.commit(), { code: "TRANSACTION_CLOSED" });
    t.true(error?.maybeCommitted);
    t.is((error?.cause as LibsqlError | undefined)?.code, LOST[protocol]);
    t.deepEqual(await selectColumn(direct, "select a from t"), [1]);
  });

  test(`${protocol}: queryTimeout ends a call on a way that has gone dead`, async (t) => {
    if (!hasServer(t)) return;
    const { client, proxy } = await place(t, protocol);
    proxy.mode = "hold";
    const sql = "insert into t values (1)";
    await t.throwsAsync(client.execute({ sql, queryTimeout: 200 }), { code: "SQLITE_INTERRUPT" });
    proxy.mode = "pass";
    await proxy.drop();
    t.is(await selectValue(client, "select count(*) from t"), 0);
  });

  test(`${protocol}: a server that is not there is told at once`, async (t) => {
    const client = createClient({ url: `${protocol}://127.0.0.1:${await freePort()}` });
    t.teardown(() => client.close());
    const error = await t.throwsAsync<Lost>(client.execute("insert into t values (1)"), {
      instanceOf: LibsqlError,
      code: UNREACHABLE[protocol],
      message: /refused the connection.*ECONNREFUSED.*was not sent/,
    });
    t.is(error?.maybeCommitted, undefined);
    t.true(error?.cause instanceof Error);
    await t.throwsAsync(client.batch(["select 1"]), { code: UNREACHABLE[protocol] });
    const calls = Promise.all([
      t.throwsAsync(client.executeMultiple("select 1"), { code: UNREACHABLE[protocol] }),
      t.throwsAsync(
        client.transaction().then((transaction) => transaction.execute("select 1")),
        { code: UNREACHABLE[protocol] },
      ),
    ]);
    await calls;
  });

  test(`${protocol}: with a timeout, calls wait for a server that is being started`, async (t) => {
    if (!hasServer(t)) return;
    const { direct: client, server } = await place(t, protocol, { timeout: 60_000 });
    await server.kill();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const call = client.execute("insert into t values (1)");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await server.start();
    await call;
    t.is(await selectValue(client, "select count(*) from t"), 1);
  });
}
