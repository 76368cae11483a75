/** A way that has gone dead without a word, as after a NAT has forgotten a connection. */
import test, { type ExecutionContext } from "ava";
import { createClient, LibsqlError, type LatchClient, type PartlyCommitted } from "latchdb";
import { selectValue } from "../support/database.mjs";
import { FaultProxy } from "../support/fault-proxy.mjs";
import { hasServer, TestServer } from "../support/sqld.mjs";

const isLong = process.env["LATCHDB_REMOTE_LONG"] !== undefined;

/** Longer than a server may be silent before it is asked for a sign of life. */
const SILENCE_MS = 11_000;

test("a WebSocket that has gone dead while it was idle is made anew, and the call succeeds", async (t) => {
  if (!hasServer(t)) return;
  if (!mayTakeLong(t)) return;
  t.timeout(120_000);
  const { client, proxy } = await connected(t);
  await client.execute("insert into t values (1)");
  proxy.mode = "hold";
  await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
  const call = client.execute("insert into t values (2)");
  // The check has been sent. Connections that are made from now on work.
  await new Promise((resolve) => setTimeout(resolve, 500));
  proxy.mode = "pass";
  await call;
  t.is(await selectValue(client, "select count(*) from t"), 2);
});

test("a call on a WebSocket that goes dead ends, and says that nobody knows", async (t) => {
  if (!hasServer(t)) return;
  if (!mayTakeLong(t)) return;
  t.timeout(120_000);
  const { client, proxy } = await connected(t);
  proxy.mode = "hold";
  const error = await t.throwsAsync<LibsqlError & PartlyCommitted>(
    client.execute("insert into t values (1)"),
    { code: "HRANA_WEBSOCKET_ERROR", message: /a check of the connection was not answered/ },
  );
  t.true(error?.maybeCommitted);
});

function mayTakeLong(t: ExecutionContext): boolean {
  if (isLong) return true;
  t.log("Skipped: takes half a minute; npm run test:remote runs it");
  t.pass();
  return false;
}

async function connected(t: ExecutionContext): Promise<{ client: LatchClient; proxy: FaultProxy }> {
  const server = await TestServer.start();
  const proxy = await FaultProxy.start(server.port);
  const client = createClient({ url: `ws://127.0.0.1:${proxy.port}` });
  t.teardown(async () => {
    client.close();
    await proxy.stop();
    await server.remove();
  });
  await client.execute("create table t (a)");
  return { client, proxy };
}
