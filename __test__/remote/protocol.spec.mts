/** What latchdb uses of hrana-client, and servers with older versions of the protocol. */
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import test from "ava";
import { createClient } from "latchdb";
import { selectColumn } from "../support/database.mjs";
import { hasServer } from "../support/sqld.mjs";
import { sharedServer } from "./servers.mjs";

interface Stream {
  _execute(stmt: object): Promise<{ rows: unknown[][]; cols: Array<{ name: string }> }>;
  _batch(batch: object): Promise<{ stepResults: unknown; stepErrors: unknown }>;
  _sequence(sql: object): Promise<void>;
}
// Its types ask for types that the runtime's condition does not lead to.
const hrana = createRequire(import.meta.url)("@libsql/hrana-client") as {
  openHttp(url: string): { openStream(): Stream; close(): void };
};
const shared = sharedServer(test);

test("hrana-client has the methods below its rows that latchdb calls", async (t) => {
  if (!hasServer(t)) return;
  const client = hrana.openHttp(shared.url("http"));
  t.teardown(() => client.close());
  const stream = client.openStream();
  const stmt = { sql: "select 1 as a", sqlId: undefined, args: [], namedArgs: [], wantRows: true };
  const result = await stream._execute(stmt);
  t.deepEqual(result.rows, [[1n]]);
  t.deepEqual(
    result.cols.map(({ name }) => name),
    ["a"],
  );
  const { stepResults, stepErrors } = await stream._batch({
    steps: [{ stmt, condition: undefined }],
  });
  t.true(stepResults instanceof Map && stepErrors instanceof Map);
  await stream._sequence({ sql: "select 1" });
});

test("http: a client asks once which version the server has, and only for transactions", async (t) => {
  if (!hasServer(t)) return;
  const asked: string[] = [];
  const client = shared.open(t, "http", {
    fetch: (request: Request, init: RequestInit) => {
      asked.push(`${request.method} ${new URL(request.url).pathname}`);
      return fetch(request, init);
    },
  });
  await client.execute("select 1");
  await client.batch(["select 1"]);
  t.deepEqual(asked.splice(0), ["POST /v2/pipeline", "POST /v2/pipeline"]);
  for (let i = 0; i < 3; i++) {
    const transaction = await client.transaction("read");
    await transaction.execute("select 1");
    await transaction.rollback();
  }
  t.is(asked.filter((request) => request.startsWith("GET")).length, 1);
});

test("http: transactions work on a server that has version 2 alone", async (t) => {
  if (!hasServer(t)) return;
  const { client: direct, table } = await shared.withTable(t, "http");
  // As servers before version 3 answer, and as others do that have no protobuf.
  const old = createServer((request, response) => {
    if (!request.url?.startsWith("/v2")) return void response.writeHead(404).end();
    const chunks: Buffer[] = [];
    request
      .on("data", (chunk: Buffer) => chunks.push(chunk))
      .on("end", async () => {
        const answer = await fetch(shared.url("http") + request.url, {
          method: "POST",
          body: Buffer.concat(chunks),
        });
        response.writeHead(answer.status, { "content-type": "application/json" });
        response.end(await answer.text());
      });
  }).listen(0, "127.0.0.1");
  await once(old, "listening");
  t.teardown(() => void old.close());
  const client = createClient({ url: `http://127.0.0.1:${(old.address() as AddressInfo).port}` });
  t.teardown(() => client.close());
  const transaction = await client.transaction();
  await transaction.execute(`insert into ${table} values (1, 'x')`);
  await t.throwsAsync(transaction.execute("selekt"));
  await transaction.batch([`insert into ${table} values (2, 'y')`]);
  await transaction.commit();
  t.deepEqual(await selectColumn(direct, `select a from ${table}`), [1, 2]);
  const rows = [];
  for await (const row of client.iterate({ sql: `select a from ${table}`, rowMode: "pluck" })) {
    rows.push(row);
  }
  t.deepEqual(rows, [1, 2]);
});
