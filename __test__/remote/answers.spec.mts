/** Answers that are no results: statuses, garbage, redirections, and what must not be shown of a request. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { inspect } from "node:util";
import test, { type ExecutionContext } from "ava";
import { createClient, LibsqlError, type LatchClient, type LatchConfig } from "latchdb";
import type { PartlyCommitted } from "latchdb";
import { hasServer, TestServer } from "../support/sqld.mjs";

type Answering = (request: IncomingMessage, response: ServerResponse) => void;
type Lost = LibsqlError & PartlyCommitted;

const SECRET = "geheimes-token";

/** A client on a server that answers each request in the same way. */
async function answering(
  t: ExecutionContext,
  answer: Answering,
  options: Omit<LatchConfig, "url"> = {},
): Promise<LatchClient> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => answer(request, response));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const client = createClient({ url: `http://127.0.0.1:${port}`, authToken: SECRET, ...options });
  t.teardown(() => client.close());
  return client;
}

function status(code: number, text: string, headers: Record<string, string> = {}): Answering {
  return (_, response) => {
    response.writeHead(code, { "content-type": "text/plain", ...headers }).end(text);
  };
}

const insert = "insert into t values (1)";

for (const [code, message, maybeCommitted] of [
  [400, /status 400: so says the server/, undefined],
  [401, /status 401.*Is authToken right/, undefined],
  [404, /status 404.*Is the URL that of a database/, undefined],
  [413, /status 413.*Split the batch/, undefined],
  [429, /status 429.*wait for 7 \(Retry-After\)/, undefined],
  [500, /status 500.*may have carried/, true],
  [503, /status 503.*not available/, true],
] as const) {
  test(`status ${code} is SERVER_ERROR with the server's text and what to do`, async (t) => {
    let requests = 0;
    const answer = status(code, `so says the server to ${SECRET}`, { "retry-after": "7" });
    const client = await answering(t, (request, response) => {
      requests++;
      answer(request, response);
    });
    const error = await t.throwsAsync<Lost>(client.execute(insert), {
      instanceOf: LibsqlError,
      code: "SERVER_ERROR",
      message,
    });
    t.is(error?.maybeCommitted, maybeCommitted);
    t.is(requests, 1);
    t.notRegex(inspect(error, { depth: 20, showHidden: true }), new RegExp(SECRET));
    await t.throwsAsync(client.batch([insert]), { code: "SERVER_ERROR" });
    const transaction = await client.transaction().catch((failure: LibsqlError) => failure.code);
    t.true(transaction === "SERVER_ERROR" || typeof transaction === "object");
  });
}

test("an error of the server's in JSON keeps its code", async (t) => {
  const text = JSON.stringify({ message: `blocked, ${SECRET}`, code: "BLOCKED" });
  const client = await answering(t, status(400, text, { "content-type": "application/json" }));
  const error = await t.throwsAsync(client.execute(insert), {
    instanceOf: LibsqlError,
    code: "BLOCKED",
    message: /^BLOCKED: blocked, …/,
  });
  t.notRegex(inspect(error, { depth: 20, showHidden: true }), new RegExp(SECRET));
});

for (const code of [301, 302]) {
  test(`a redirection by ${code} says which server to use`, async (t) => {
    const client = await answering(t, ({ method }, response) => {
      if (method === "POST") response.writeHead(code, { location: "/elsewhere" }).end();
      else response.end("a page");
    });
    await t.throwsAsync(client.execute(insert), {
      instanceOf: LibsqlError,
      code: "SERVER_ERROR",
      message: /redirects to http:\/\/127\.0\.0\.1:\d+, and nothing was carried out/,
    });
  });
}

test("a redirection by 307 is followed", async (t) => {
  const client = await answering(t, ({ url }, response) => {
    if (url === "/elsewhere")
      response.writeHead(200, { "content-type": "application/json" }).end(ok());
    else response.writeHead(307, { location: "/elsewhere" }).end();
  });
  t.deepEqual((await client.execute("select 1")).rows, []);
});

function ok(): string {
  const result = { cols: [], rows: [], affected_row_count: 0, last_insert_rowid: null };
  const results = [
    { type: "ok", response: { type: "execute", result } },
    { type: "ok", response: { type: "close" } },
  ];
  return JSON.stringify({ baton: null, base_url: null, results });
}

for (const [title, text, code] of [
  ["garbage", "<html>a login page</html>", "HRANA_PROTO_ERROR"],
  ["nothing", "", "HRANA_PROTO_ERROR"],
  ["JSON that ends early", ok().slice(0, 40), "HRANA_PROTO_ERROR"],
  ["JSON of another kind", '{"hello":"world"}', "HRANA_PROTO_ERROR"],
  ["too few results", '{"baton":null,"base_url":null,"results":[]}', "HRANA_PROTO_ERROR"],
] as const) {
  test(`an answer that is ${title} is ${code}, and may have been carried out`, async (t) => {
    const client = await answering(t, status(200, text, { "content-type": "application/json" }));
    const error = await t.throwsAsync<Lost>(client.execute(insert), {
      instanceOf: LibsqlError,
      code,
    });
    t.true(error?.maybeCommitted);
    t.true(error?.cause instanceof Error);
  });
}

test("an answer that ends before its length is CONNECTION_LOST", async (t) => {
  const client = await answering(t, (_, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
    response.write(ok().slice(0, 40), () => response.destroy());
  });
  const error = await t.throwsAsync<Lost>(client.execute(insert), { code: "CONNECTION_LOST" });
  t.true(error?.maybeCommitted);
});

for (const protocol of ["http", "ws"] as const) {
  test(`a server of another protocol is an error (${protocol})`, async (t) => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => undefined).once("data", () => socket.end("220 mail ready\r\n"));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.teardown(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const client = createClient({ url: `${protocol}://127.0.0.1:${port}` });
    t.teardown(() => client.close());
    await t.throwsAsync(client.execute(insert), {
      instanceOf: LibsqlError,
      code: protocol === "http" ? "CONNECTION_LOST" : "HRANA_WEBSOCKET_ERROR",
    });
  });

  test(`a name that DNS does not know is an error (${protocol})`, async (t) => {
    const client = createClient({ url: `${protocol}://no-such-host.invalid` });
    t.teardown(() => client.close());
    const error = await t.throwsAsync<Lost>(client.execute(insert), {
      instanceOf: LibsqlError,
      code: protocol === "http" ? "SERVER_UNREACHABLE" : "HRANA_WEBSOCKET_ERROR",
      message: /could not be resolved.*was not sent/,
    });
    t.is(error?.maybeCommitted, undefined);
  });

  test(`TLS to a server without it is an error (${protocol})`, async (t) => {
    if (!hasServer(t)) return;
    const server = await TestServer.start();
    t.teardown(() => server.remove());
    const client = createClient({ url: `${protocol}s://127.0.0.1:${server.port}` });
    t.teardown(() => client.close());
    await t.throwsAsync(client.execute(insert), {
      instanceOf: LibsqlError,
      code: protocol === "http" ? "SERVER_UNREACHABLE" : "HRANA_WEBSOCKET_ERROR",
      message: /by TLS.*was not sent/,
    });
  });

  test(`a result over the server's limit is RESPONSE_TOO_LARGE (${protocol})`, async (t) => {
    if (!hasServer(t)) return;
    const server = await TestServer.start({ args: ["--max-response-size=1MB"] });
    t.teardown(() => server.remove());
    const client = createClient({ url: server.url(protocol) });
    t.teardown(() => client.close());
    const large = "select zeroblob(2000000) as a";
    await t.throwsAsync(client.execute(large), {
      instanceOf: LibsqlError,
      code: "RESPONSE_TOO_LARGE",
    });
    t.is((await client.execute("select 1")).rows.length, 1);
  });
}

test("fetch is the caller's function, and gets a Request with the token", async (t) => {
  const authorizations: Array<string | null> = [];
  const client = createClient({
    url: "http://database.example",
    authToken: SECRET,
    remoteEncryptionKey: "schlüssel".replace("ü", "ue"),
    fetch: async (request: Request) => {
      authorizations.push(request.headers.get("authorization"));
      t.is(request.headers.get("x-turso-encryption-key"), "schluessel");
      return new Response(ok(), { headers: { "content-type": "application/json" } });
    },
  });
  await client.execute("select 1");
  client.close();
  t.deepEqual(authorizations, [`Bearer ${SECRET}`]);
});

test("an error of the caller's fetch is the cause", async (t) => {
  const own = new Error("no network today");
  const client = createClient({ url: "http://database.example", fetch: () => Promise.reject(own) });
  t.teardown(() => client.close());
  const error = await t.throwsAsync(client.execute(insert), { code: "CONNECTION_LOST" });
  t.is(error?.cause, own);
});

test("a token that no header can carry is refused without being shown", async (t) => {
  const client = createClient({ url: "http://127.0.0.1:9", authToken: `${SECRET}\nx` });
  t.teardown(() => client.close());
  const error = await t.throwsAsync(client.execute(insert), { code: "AUTH_TOKEN_INVALID" });
  t.notRegex(inspect(error, { depth: 20, showHidden: true }), new RegExp(SECRET));
});

for (const url of [
  `libsql//host?authToken=${SECRET}`,
  `https://host?authToken=${SECRET}&tls=2`,
  `https://host?authToken=${SECRET}&other=1`,
  `https://host?authToken=${SECRET}#fragment`,
  `ftp://host?authToken=${SECRET}`,
  `https:host?authToken=${SECRET}`,
  `http://host?tls=1&authToken=${SECRET}`,
  `http://user:${SECRET}@host`,
]) {
  test(`the error of ${url.replace(SECRET, "…")} does not show the token`, (t) => {
    const error = t.throws(() => createClient({ url }), { instanceOf: LibsqlError });
    t.notRegex(inspect(error, { depth: 20, showHidden: true }), new RegExp(SECRET));
  });
}

test("settings that are not for servers are refused", (t) => {
  const url = "https://host";
  const key = { instanceOf: LibsqlError, code: "ENCRYPTION_KEY_NOT_SUPPORTED" };
  t.throws(() => createClient({ url, encryptionKey: "x" }), key);
  const sync = { instanceOf: LibsqlError, code: "SYNC_NOT_SUPPORTED" };
  t.throws(() => createClient({ url, syncUrl: "https://other" }), sync);
  t.throws(() => createClient({ url: "http://host", tls: true }), { code: "URL_INVALID" });
  t.throws(() => createClient({ url: "libsql://host?tls=0" }), { code: "URL_INVALID" });
  t.throws(() => createClient({ url, queryTimeout: NaN }), { instanceOf: RangeError });
});
