/**
 * `npm run test:web`: clients of a real server in Chromium, workerd, Deno and Bun, over both protocols. The
 * server checks tokens: a request that carries one is none of the simple requests of CORS.
 */
import { generateKeyPairSync } from "node:crypto";
import test from "ava";
import { freePort, protocols, TestServer, type Protocol } from "../support/sqld.mjs";
import { newToken } from "../support/token.mjs";
import { bun, chromium, deno, workerd, type Runtime } from "./runtimes.mjs";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const authToken = newToken(privateKey, 3600);

let server: TestServer;
test.before(async () => {
  server = await TestServer.start({ jwtKey: publicKey.export({ format: "jwk" }).x as string });
});
test.after.always(() => server.remove());

interface Case {
  start(): Promise<Runtime>;
  /** Whether code can be made of strings there. */
  compiles: boolean;
  /** Whether the error of `fetch` tells a connection that was refused from one that was lost. */
  tellsRefused: boolean;
}

const cases: Record<string, Case> = {
  Chromium: { start: () => chromium(), compiles: true, tellsRefused: false },
  "Chromium, on a page that lets no code be made of strings": {
    start: () => chromium("script-src 'self'; connect-src *"),
    compiles: false,
    tellsRefused: false,
  },
  "workerd of 2026": { start: () => workerd("2026-01-01"), compiles: false, tellsRefused: false },
  "workerd of 2023, which had no FinalizationRegistry": {
    start: () => workerd("2023-08-01"),
    compiles: false,
    tellsRefused: false,
  },
  Deno: { start: deno, compiles: true, tellsRefused: true },
  Bun: { start: bun, compiles: true, tellsRefused: true },
};

/** What the program reports of each runtime. */
const expected = {
  values: [
    [1, "null", null],
    [1, "real", 1],
    [1, "real", 1.5],
    [1, "integer", Number.MAX_SAFE_INTEGER],
    [1, "integer", 1],
    [1, "text", "Zürich 🏔"],
    [1, "blob", [0, 255]],
    [1, "blob", [1, 2]],
    [1, "real", 86_400_000],
  ],
  named: [["x", "y"], [{ x: "x", y: 2 }]],
  many: true,
  batch: [1, 1],
  transactions: [2, 2, true, true],
  function: 5,
  iterator: true,
  constraint: "SQLITE_CONSTRAINT",
  "failed batch": ["SQLITE_CONSTRAINT", 1],
  infinite: "HRANA_PROTO_ERROR",
  "no sql": "SQL_PARSE_ERROR",
  aborted: "AbortError",
  left: 9,
  "in flight": true,
  "under way at close()": "CLIENT_CLOSED",
  "iterator at close()": "CLIENT_CLOSED",
  "after close()": [true, "CLIENT_CLOSED"],
};

/** The code for a connection that is refused. */
function refusedCode(protocol: Protocol, tellsRefused: boolean): string {
  if (protocol === "ws") return "HRANA_WEBSOCKET_ERROR";
  return tellsRefused ? "SERVER_UNREACHABLE" : "CONNECTION_LOST";
}

// Serial: the runtimes are large.
for (const [title, { start, compiles, tellsRefused }] of Object.entries(cases)) {
  test.serial(title, async (t) => {
    const runtime = await start();
    t.teardown(() => runtime.close());
    for (const protocol of protocols) {
      const report = await runtime.run({
        url: server.url(protocol),
        authToken,
        table: `${title.replace(/\W/g, "_")}_${protocol}`,
        refusing: `${protocol}://127.0.0.1:${await freePort()}`,
      });
      t.deepEqual(report, {
        protocol,
        "code of strings": compiles,
        "refused connection": refusedCode(protocol, tellsRefused),
        ...expected,
      });
    }
  });
}
