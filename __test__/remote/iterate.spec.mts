/** Iterators over the rows of a server's statement: they come while the statement runs. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import test, { type ExecutionContext } from "ava";
import { createClient } from "latchdb";
import type { LatchClient, RowIterator } from "latchdb";
import { hasServer, protocols, type Protocol } from "../support/sqld.mjs";
import { endlessSelect, sharedServer } from "./servers.mjs";

const shared = sharedServer(test);

const numbers = (count: number, columns = "n"): string =>
  `with recursive c (n) as (select 1 union all select n + 1 from c where n < ${count}) select ${columns} from c`;
/** Rows up to 40, and then none for seconds, in which the server computes. */
const slow = `${numbers(30_000_000)} where n <= 40`;
/** Its last row never comes. */
const endless = "with recursive c (n) as (select 1 union all select n + 1 from c) select n from c";

async function take<R>(rows: RowIterator<R>, count: number): Promise<R[]> {
  const taken: R[] = [];
  for (let i = 0; i < count; i++) {
    const { value, done } = await rows.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

/** A client whose connections go through a proxy, and what cuts all of them. */
async function throughProxy(
  t: ExecutionContext,
  protocol: Protocol,
): Promise<{ client: LatchClient; cut: () => void; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const proxy = createServer((socket) => {
    const upstream = connect(shared.server.port, "127.0.0.1");
    sockets.add(socket);
    socket
      .on("error", () => undefined)
      .on("close", () => {
        sockets.delete(socket);
        upstream.destroy();
      });
    upstream.on("error", () => undefined).on("close", () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const { port } = proxy.address() as AddressInfo;
  const client = createClient({ url: `${protocol}://127.0.0.1:${port}` });
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  t.teardown(() => {
    client.close();
    cut();
    proxy.close();
  });
  return { client, cut, sockets };
}

for (const protocol of protocols) {
  test(`${protocol}: an iterator has the rows that execute has`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    for (const sql of [
      "select 1 as a, 2.5 as b, 'ä\n\u2028' as c, x'00ff' as d, null as e, '\ufeff' as f",
      "select 1 where 0",
      numbers(5_000, "n, n * 2 as n2, 'text ' || n as t, zeroblob(n % 7) as z"),
      numbers(3, "hex(zeroblob(100000)) as x"),
      "explain select 1",
    ]) {
      const rows = [];
      for await (const row of client.iterate(sql)) rows.push(row);
      t.deepEqual(rows, (await client.execute(sql)).rows);
    }
  });

  test(`${protocol}: its chunks are no longer than asked for`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    let next = 1;
    const rows = client.iterate({ sql: numbers(1_000), rowMode: "pluck" }, { chunk: 64 });
    for await (const chunk of rows.chunks()) {
      t.true(chunk.length >= 1 && chunk.length <= 64);
      for (const n of chunk) t.is(n, next++);
    }
    t.is(next, 1_001);
  });

  test(`${protocol}: rows come while the statement runs, and a break ends it`, async (t) => {
    if (!hasServer(t)) return;
    const { client, sockets } = await throughProxy(t, protocol);
    const seen: unknown[] = [];
    let streaming: Socket | undefined;
    for await (const n of client.iterate<number>({ sql: endless, rowMode: "pluck" })) {
      seen.push(n);
      [streaming] = sockets;
      if (seen.length === 5_000) break;
    }
    t.deepEqual(seen.slice(-2), [4_999, 5_000]);
    // Its answer is cut off, or its stream closed: the server does not send it any more.
    t.is((await client.execute("select 7 as a")).rows[0]?.a, 7);
    t.is(client.stats().pending.running, 0);
    if (protocol !== "http" || streaming === undefined || streaming.destroyed) return;
    await once(streaming, "close");
  });

  test(`${protocol}: an open iterator leaves the other calls their slots`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol, { concurrency: 1 });
    const open = client.iterate({ sql: endless, rowMode: "pluck" });
    t.deepEqual(await take(open, 3), [1, 2, 3]);
    const other = client.iterate({ sql: endless, rowMode: "pluck" });
    t.deepEqual(await take(other, 2), [1, 2]);
    t.is((await client.execute("select 7 as a")).rows[0]?.a, 7);
    t.deepEqual(await take(open, 2), [4, 5]);
    await open.return();
    t.deepEqual(await open.next(), { done: true, value: undefined });
    t.deepEqual(await take(other, 1), [3]);
    await other.return();
  });

  test(`${protocol}: an error comes behind the rows before it, and names the caller`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const sql = numbers(100, "iif(n = 50, abs(-9223372036854775807 - 1), n)");
    const rows = client.iterate<number>({ sql, rowMode: "pluck" });
    t.deepEqual(
      await take(rows, 49),
      Array.from({ length: 49 }, (_, i) => i + 1),
    );
    await t.throwsAsync(rows.next(), { message: /integer overflow/ });
    t.deepEqual(await rows.next(), { done: true, value: undefined });
    const [wrong, expected] = await Promise.all([
      t.throwsAsync(client.iterate("selec 1").next()),
      t.throwsAsync(client.execute("selec 1")),
    ]);
    t.is(wrong?.message, expected?.message);
    const missing = await t.throwsAsync(client.iterate("select * from missing").next());
    t.is(missing?.message, (await t.throwsAsync(client.execute("select * from missing")))?.message);
    const thrown = (await t.throwsAsync(client.iterate("select 1; select 2").next()))?.message;
    t.is(thrown, (await t.throwsAsync(client.execute("select 1; select 2")))?.message);
  });

  test(`${protocol}: an infinite REAL fails the iterator, and nothing else`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const rows = client.iterate(numbers(3, "iif(n = 2, 9e999, n)"), { chunk: 1 });
    t.is((await take(rows, 1)).length, 1);
    await t.throwsAsync(rows.next(), { code: "HRANA_PROTO_ERROR", message: /infinite REAL/ });
    t.is((await client.execute("select 7 as a")).rows[0]?.a, 7);
  });

  test(`${protocol}: the signal, and the closing of the client, end an iterator that rests`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const controller = new AbortController();
    const aborted = client.iterate({ sql: endless, signal: controller.signal });
    await take(aborted, 2);
    const reason = new Error("mine");
    controller.abort(reason);
    t.is(await t.throwsAsync(aborted.next()), reason);
    const rests = client.iterate(endless);
    await take(rests, 2);
    const begins = client.iterate(endless).next();
    const never = client.iterate(endless);
    client.close();
    await t.throwsAsync(begins, { code: "CLIENT_CLOSED" });
    await t.throwsAsync(rests.next(), { code: "CLIENT_CLOSED" });
    await t.throwsAsync(never.next(), { code: "CLIENT_CLOSED" });
    await client.reconnect();
    t.deepEqual(await rests.next(), { done: true, value: undefined });
    t.is((await client.execute("select 7 as a")).rows[0]?.a, 7);
  });

  // Serial: other tests keep the server busy.
  test.serial(
    `${protocol}: each part has the limit of its statement, and the time between them none`,
    async (t) => {
      if (!hasServer(t)) return;
      const client = shared.open(t, protocol);
      const sql = `${numbers(300_000_000)} where n <= 40`;
      const rows = client.iterate<number>({ sql, rowMode: "pluck", queryTimeout: 5_000 });
      // By a WebSocket, the server sends 16 entries together, and then more.
      const early = protocol === "http" ? 40 : 15;
      t.is((await take(rows, early)).at(-1), early);
      await t.throwsAsync(rows.next(), { code: "SQLITE_INTERRUPT", message: /within 5000 ms/ });
      t.is((await client.execute("select 7 as a")).rows[0]?.a, 7);
    },
  );

  test(`${protocol}: return() ends an iterator whose first row has not come`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const rows = client.iterate(`${numbers(30_000_000)} where n < 0`);
    const first = rows.next();
    await rows.return();
    t.deepEqual(await first, { done: true, value: undefined });
    t.is(client.stats().pending.running, 0);
  });

  test(`${protocol}: a statement that writes runs to its end with the first row`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    const rows = client.iterate({
      sql: `insert into ${table} (b) select 'x' from (${numbers(100)}) returning a`,
      rowMode: "pluck",
    });
    t.deepEqual(await take(rows, 1), [1]);
    t.is(await client.get({ sql: `select count(*) from ${table}`, rowMode: "pluck" }), 100);
    await rows.return();
  });

  test(`${protocol}: the end of the connection ends the iterator with an error`, async (t) => {
    if (!hasServer(t)) return;
    const { client, cut } = await throughProxy(t, protocol);
    const rows = client.iterate({ sql: endless, rowMode: "pluck" });
    await take(rows, 10);
    cut();
    const all = async (): Promise<void> => {
      for await (const _ of rows);
    };
    const error = await t.throwsAsync(all());
    t.not((error as { code?: string }).code, undefined);
    t.is((await client.execute("select 7 as a")).rows[0]?.a, 7);
  });
}

test("http: only statements that certainly read are read by a cursor", async (t) => {
  if (!hasServer(t)) return;
  const { client: direct, table } = await shared.withTable(t, "http");
  await direct.execute(`insert into ${table} (b) values ('x')`);
  const paths: string[] = [];
  const client = shared.open(t, "http", {
    fetch: (request: Request, init: RequestInit) => {
      paths.push(new URL(request.url).pathname);
      return fetch(request, init);
    },
  });
  const hasCursor = async (sql: string): Promise<boolean> => {
    paths.length = 0;
    const all = async (): Promise<void> => {
      for await (const _ of client.iterate(sql));
    };
    // The server may refuse it.
    await all().catch(() => undefined);
    return paths.includes("/v3/cursor");
  };
  for (const sql of [
    "select 1",
    "with c as (select 'delete', \"b\", [a] /* insert */ from t) select 1 -- update".replace(
      " t)",
      ` ${table})`,
    ),
    `/* x */ WITH RECURSIVE c(n) AS (SELECT 1) SELECT n AS "replace" FROM c`,
    "values (1), (2)",
  ]) {
    t.true(await hasCursor(sql), sql);
  }
  for (const sql of [
    `with c as (select 1) insert into ${table} (b) select 'y' from c returning a`,
    `with c as (select 'it''s') delete from ${table} where b = 'none' returning a`,
    `with c as (select 1) update ${table} set b = b`,
    `with c as (select 1) update ${table} set b = $x(') where b = $x(')`,
    `with c as (select 1) replace into ${table} (b) select 'z' from c`,
    `replace into ${table} (a) values (9) returning a`,
  ]) {
    t.false(await hasCursor(sql), sql);
  }
});

test("ws: a cursor whose next row takes long keeps no other call of its connection waiting", async (t) => {
  if (!hasServer(t)) return;
  const client = shared.open(t, "ws");
  const rows = client.iterate(slow);
  await take(rows, 1);
  let hasAll = false;
  const late = take(rows, 100).then(() => (hasAll = true));
  for (let i = 0; i < 5; i++) t.is((await client.execute("select 7 as a")).rows[0]?.a, 7);
  t.false(hasAll);
  await rows.return();
  await late;
  t.is((await client.execute("select 7 as a")).rows[0]?.a, 7);
});

test("http: rows without their end are an error, not all of the rows", async (t) => {
  const entries = [
    { baton: null, base_url: null },
    { type: "step_begin", step: 0, cols: [{ name: "a", decltype: null }] },
    { type: "row", row: [{ type: "integer", value: "1" }] },
  ];
  const end = { type: "step_end", affected_row_count: 0, last_insert_rowid: null };
  const answered: string[] = [];
  const server = createHttpServer((request, response) => {
    request.resume();
    if (request.url !== "/v3/cursor") return void response.end("{}");
    const hasEnd = request.headers["authorization"] === "Bearer whole";
    const lines = hasEnd ? [...entries, end] : entries;
    response.end(lines.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    answered.push(request.url);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const whole = createClient({ url, authToken: "whole" });
  const cut = createClient({ url, authToken: "cut" });
  t.teardown(() => [whole, cut].forEach((client) => client.close()));
  t.deepEqual(await take(whole.iterate({ sql: "select 1", rowMode: "pluck" }), 5), [1]);
  const rows = cut.iterate({ sql: "select 1", rowMode: "pluck" });
  t.deepEqual(await take(rows, 1), [1]);
  await t.throwsAsync(rows.next(), { code: "HRANA_PROTO_ERROR", message: /before the last row/ });
  t.deepEqual(answered, ["/v3/cursor", "/v3/cursor"]);
});

test("ws: a break ends nothing else on the connection", async (t) => {
  if (!hasServer(t)) return;
  const { client, table } = await shared.withTable(t, "ws");
  for (let round = 0; round < 10; round++) {
    const transaction = await client.transaction();
    await transaction.execute(`insert into ${table} (b) values (1)`);
    // The next rows are being asked for.
    for await (const _ of client.iterate(numbers(2_000))) break;
    await take(client.iterate(numbers(2_000)), 20 * round);
    await transaction.execute(`insert into ${table} (b) values (2)`);
    await transaction.commit();
  }
  t.is(await client.get({ sql: `select count(*) from ${table}`, rowMode: "pluck" }), 20);
});

test("ws: an iterator has a stream of its own, whichever streams were closed before", async (t) => {
  if (!hasServer(t)) return;
  const { client, table } = await shared.withTable(t, "ws");
  const reading = await Promise.all([1, 2, 3, 4, 5].map(() => client.transaction("read")));
  for (const transaction of reading) await transaction.execute(`select count(*) from ${table}`);
  for (const closed of [0, 1, 3]) {
    await reading[closed]?.commit();
    const rows = client.iterate(numbers(2_000));
    t.deepEqual(await take(rows, 1), [{ n: 1 }]);
    await rows.return();
    t.deepEqual((await take(client.iterate(numbers(20)), 100)).length, 20);
  }
  // The connection has ended for none of them.
  for (const open of [2, 4]) await reading[open]?.commit();
});

test("ws: the error of a transaction says how its connection has ended", async (t) => {
  if (!hasServer(t)) return;
  const { client, cut, sockets } = await throughProxy(t, "ws");
  const transaction = await client.transaction("read");
  await transaction.execute("select 1");
  const closed = Promise.all([...sockets].map((socket) => once(socket, "close")));
  cut();
  await closed;
  while (!transaction.closed) await new Promise((resolve) => setImmediate(resolve));
  const error = await t.throwsAsync(transaction.execute("select 1"), {
    code: "TRANSACTION_CLOSED",
  });
  const cause = error?.cause as Error | undefined;
  t.regex(
    cause?.message ?? "",
    /^HRANA_WEBSOCKET_ERROR: .* \((?!undefined).+\)\. .* was not sent$/,
  );
});

test("ws: a text that the server refuses ends nothing else on its connection", async (t) => {
  if (!hasServer(t)) return;
  const { client, table } = await shared.withTable(t, "ws");
  const transaction = await client.transaction();
  await transaction.execute(`insert into ${table} values (1, 'x')`);
  for (const sql of ["select from", "select 1; select 2", "select * from missing", "with"]) {
    await t.throwsAsync(client.iterate(sql).next(), { name: "LibsqlError" }, sql);
  }
  await transaction.commit();
  t.is((await client.execute(`select a from ${table}`)).rows[0]?.["a"], 1);
});

for (const protocol of protocols) {
  test(`${protocol}: return() ends an iterator that waits for a slot`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol, { concurrency: 1 });
    const controller = new AbortController();
    const busy = client.execute({ sql: endlessSelect, signal: controller.signal });
    const rows = client.iterate("select 1");
    const first = rows.next();
    t.is(client.stats().pending.waiting, 1);
    await rows.return();
    t.deepEqual(await first, { done: true, value: undefined });
    t.is(client.stats().pending.waiting, 0);
    controller.abort();
    await t.throwsAsync(busy, { any: true, name: "AbortError" });
  });
}
