/** On a server: `transaction(fn)`, savepoints, `get()` and statements of `sql`, with lists. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import test from "ava";
import type { ExecutionContext } from "ava";
import { createClient, sql } from "latchdb";
import type { LatchClient, LatchTransaction } from "latchdb";
import { hasServer, protocols } from "../support/sqld.mjs";
import { sharedServer } from "./servers.mjs";

const shared = sharedServer(test);

for (const protocol of protocols) {
  const open = async (
    t: ExecutionContext,
  ): Promise<{
    client: LatchClient;
    values: () => Promise<unknown[]>;
    insert: (tx: LatchTransaction, a: number) => Promise<unknown>;
  }> => {
    const { client, table } = await shared.withTable(t, protocol);
    const values = async (): Promise<unknown[]> =>
      (await client.execute(`select a from ${table} order by a`)).rows.map((row) => row["a"]);
    const insert = (tx: LatchTransaction, a: number): Promise<unknown> =>
      tx.execute(sql`insert into ${sql.id(table)} (a) values (${a})`);
    return { client, values, insert };
  };
  const thrown = new Error("no");

  test(`${protocol}: a function's transaction is committed, or rolled back`, async (t) => {
    if (!hasServer(t)) return;
    const { client, values, insert } = await open(t);
    let escaped: LatchTransaction | undefined;
    const value = await client.transaction(async (tx) => {
      escaped = tx;
      await insert(tx, 1);
      await insert(tx, 2);
      return "done";
    });
    t.is(value, "done");
    await t.throwsAsync(async () => escaped?.execute("select 1"), { code: "TRANSACTION_CLOSED" });
    const fails = client.transaction(async (tx) => {
      await insert(tx, 3);
      throw thrown;
    });
    t.is(await t.throwsAsync(fails), thrown);
    await t.throwsAsync(
      client.transaction((tx) => insert(tx, 1)),
      { code: "SQLITE_CONSTRAINT" },
    );
    await client.transaction(async (tx) => {
      await insert(tx, 4);
      await tx.rollback();
    });
    t.is(await client.transaction(async () => "nothing"), "nothing");
    t.deepEqual(await values(), [1, 2]);
    t.is(client.stats().transactions.open, 0);
  });

  test(`${protocol}: transactions nest, and siblings take turns`, async (t) => {
    if (!hasServer(t)) return;
    const { client, values, insert } = await open(t);
    await client.transaction(async (tx) => {
      await Promise.allSettled(
        [10, 20, 30].map((a) =>
          tx.transaction(async (inner) => {
            await insert(inner, a);
            await inner.transaction((innermost) => insert(innermost, a + 1));
            if (a === 20) throw thrown;
          }),
        ),
      );
      t.is(await t.throwsAsync(tx.transaction(() => Promise.reject(thrown))), thrown);
      await insert(tx, 1);
    });
    t.deepEqual(await values(), [1, 10, 11, 30, 31]);
  });

  test(`${protocol}: an abort, and the closing of the client, end a function's transaction`, async (t) => {
    if (!hasServer(t)) return;
    const { client, values, insert } = await open(t);
    const controller = new AbortController();
    const aborted = client.transaction(
      async (tx) => {
        await insert(tx, 1);
        setImmediate(() => controller.abort(thrown));
        await new Promise(() => undefined);
      },
      { signal: controller.signal },
    );
    t.is(await t.throwsAsync(aborted), thrown);
    const nested = new AbortController();
    await client.transaction(async (tx) => {
      await insert(tx, 2);
      const inner = tx.transaction(
        async (savepoint) => {
          await insert(savepoint, 3);
          nested.abort(thrown);
          await new Promise(() => undefined);
        },
        { signal: nested.signal },
      );
      t.is(await t.throwsAsync(inner), thrown);
    });
    t.deepEqual(await values(), [2]);
    const closed = client.transaction(async (tx) => {
      await insert(tx, 4);
      setImmediate(() => client.close());
      await new Promise(() => undefined);
    });
    await t.throwsAsync(closed, { code: "CLIENT_CLOSED" });
  });

  test(`${protocol}: a COMMIT that fails is the error of the promise`, async (t) => {
    if (!hasServer(t)) return;
    const { client, values, insert } = await open(t);
    await client.execute(
      `create table if not exists child_${protocol} (a references none (a) deferrable initially deferred)`,
    );
    await client.execute(`create table if not exists none (a integer primary key)`);
    const fails = client.transaction(async (tx) => {
      await insert(tx, 1);
      await tx.execute("pragma foreign_keys");
      await tx.execute(`insert into child_${protocol} values (7)`);
    });
    await t.throwsAsync(fails, { code: "SQLITE_CONSTRAINT" });
    t.deepEqual(await values(), []);
  });

  test(`${protocol}: the first row, and lists`, async (t) => {
    if (!hasServer(t)) return;
    const { client, insert } = await open(t);
    t.is((await client.get("select 1 as a union select 2"))?.["a"], 1);
    t.is(await client.get("select 1 where 0"), undefined);
    for (const [list, expected] of [
      [[1, 2, 3], 3],
      [[2], 1],
      [[], 0],
      [["1", 2n, null], 1],
    ] as const) {
      const query = sql`select count(*) as n from (values (1), (2), (3)) where column1 in ${list}`;
      t.is((await client.get(query))?.["n"], expected);
      const results = await client.batch([query, sql`select ${1}, 1 in (${list}), ${2}`]);
      t.is(results[0]?.rows[0]?.["n"], expected);
      t.deepEqual([results[1]?.rows[0]?.[0], results[1]?.rows[0]?.[2]], [1, 2]);
    }
    await client.transaction(async (tx) => {
      await insert(tx, 1);
      t.is((await tx.get(sql`select ${5} as a where 1 in ${[1]}`))?.["a"], 5);
    });
    await t.throwsAsync(client.execute({ sql: "select ?", args: [[1]] as never }), {
      code: "ARGUMENT_NOT_SUPPORTED",
    });
  });
}

interface Pipeline {
  requests: Array<{ type: string; batch?: { steps: Array<{ stmt: { sql?: string } }> } }>;
}

/** An answer in which BEGIN has failed, or another statement has. */
function busyAnswer({ requests }: Pipeline): object {
  const error = { message: "SQLite error: database is locked", code: "SQLITE_BUSY" };
  const results = requests.map(({ type, batch }) => {
    if (batch === undefined) return { type: "ok", response: { type } };
    const step_results = batch.steps.map(() => null);
    const step_errors = batch.steps.map((_, i) => (i === 0 ? error : null));
    return { type: "ok", response: { type, result: { step_results, step_errors } } };
  });
  return { baton: null, base_url: null, results };
}

test("a function runs again after a server's SQLITE_BUSY, as often as is said", async (t) => {
  if (!hasServer(t)) return;
  const { client: direct, table } = await shared.withTable(t, "http");
  let refusals = 2;
  const server = createServer(async (request, response) => {
    if (!request.url?.startsWith("/v2")) return void response.writeHead(404).end();
    const body = request.method === "POST" ? ((await json(request)) as Pipeline) : undefined;
    const steps = body?.requests.flatMap(({ batch }) => batch?.steps ?? []) ?? [];
    response.writeHead(200, { "content-type": "application/json" });
    if (body !== undefined && steps.some(({ stmt }) => /^begin/i.test(stmt.sql ?? ""))) {
      if (refusals-- > 0) return void response.end(JSON.stringify(busyAnswer(body)));
    }
    const answer = await fetch(shared.url("http") + request.url, {
      method: request.method ?? "GET",
      body: body === undefined ? null : JSON.stringify(body),
    });
    response.end(await answer.text());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => void server.close());
  const client = createClient({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  t.teardown(() => client.close());
  let runs = 0;
  const write = (retries: number): Promise<unknown> =>
    client.transaction(
      async (tx) => {
        runs++;
        await tx.execute(sql`insert into ${sql.id(table)} (a) values (${runs})`);
      },
      { retries },
    );
  await t.throwsAsync(write(1), { code: "SQLITE_BUSY" });
  t.is(runs, 2);
  refusals = 2;
  await write(2);
  t.is(runs, 5);
  const { rows } = await direct.execute(sql`select a from ${sql.id(table)}`);
  t.deepEqual(
    rows.map((row) => row["a"]),
    [5],
  );
});
