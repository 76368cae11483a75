// The commands on a server: sqld.
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { LatchClient } from "latchdb";
import { openUrl, selectColumn, temporaryDatabase } from "../support/database.mjs";
import { hasServer, protocols, TestServer, type Protocol } from "../support/sqld.mjs";
import { newToken } from "../support/token.mjs";
import { contentOf, EVERY_KIND } from "./every-kind.mjs";
import { run } from "./run.mjs";

for (const protocol of protocols) {
  test(`a database is the same after a way over a server (${protocol})`, async (t) => {
    if (!hasServer(t)) return;
    const server = await TestServer.start();
    t.teardown(() => server.remove());
    const url = server.url(protocol);
    const { directory, file, open } = await temporaryDatabase(t);
    const source = open({ intMode: "bigint" });
    await source.executeMultiple(EVERY_KIND);
    const there = await run(["copy", file, url, "--json"]);
    t.is(there.code, 0, there.stdout);
    t.like(JSON.parse(there.stdout), {
      refused: ["the statistics of ANALYZE", "the application_id"],
    });
    const again = await run(["copy", file, url, "--replace"]);
    t.is(again.code, 0, again.stderr);
    const backFile = join(directory, "back.db");
    const back = await run(["copy", url, backFile]);
    t.is(back.code, 0, back.stderr);
    const copied = openUrl(t, `file:${backFile}`, { intMode: "bigint" });
    // What the server does not take.
    await source.execute("PRAGMA application_id = 0");
    await source.execute("DELETE FROM sqlite_stat1");
    await copied.execute("ANALYZE sqlite_schema");
    t.deepEqual(await contentOf(copied), await contentOf(source));
    t.deepEqual(await selectColumn(copied, "SELECT title FROM ft WHERE ft MATCH 'run'"), ["hello"]);
  });

  test(`a script has a transaction, and its errors (${protocol})`, async (t) => {
    if (!hasServer(t)) return;
    const server = await TestServer.start();
    t.teardown(() => server.remove());
    const input = `CREATE TABLE t (a);
      BEGIN; INSERT INTO t VALUES (1), (x'00ff'), (9007199254740993); SELECT count(*) AS inside FROM t; ROLLBACK;
      SELECT count(*) AS outside FROM t; SELECT 1.0 AS r, x'00ff' AS b, 9007199254740993 AS i;
      SELECT missing FROM t;`;
    const url = server.url(protocol);
    const { code, stdout, stderr } = await run(["shell", url, "--mode", "csv"], { input });
    t.deepEqual(
      [code, stdout],
      [1, "inside\n3\noutside\n0\nr,b,i\n1.0,x'00ff',9007199254740993\n"],
    );
    t.regex(stderr, /^latchdb shell: line 4: \w+: .*no such column: missing/);
  });
}

/** A server that checks tokens by a key of its own. */
async function startWithKey(t: ExecutionContext): Promise<{ server: TestServer; token: string }> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const server = await TestServer.start({
    jwtKey: publicKey.export({ format: "jwk" }).x as string,
  });
  t.teardown(() => server.remove());
  return { server, token: newToken(privateKey, 3600) };
}

test("a database goes from server to server, each with its own token and protocol", async (t) => {
  if (!hasServer(t)) return;
  const [source, target] = await Promise.all([startWithKey(t), startWithKey(t)]);
  const open = ({ server, token }: typeof source, protocol: Protocol): LatchClient =>
    openUrl(t, server.url(protocol), { intMode: "bigint", authToken: token });
  const from = open(source, "http");
  await from.executeMultiple(
    `CREATE TABLE t (a INTEGER PRIMARY KEY, b); CREATE INDEX i ON t (b);
    INSERT INTO t VALUES (1, 'Zürich'), (2, x'00ff'), (9007199254740993, 1.5), (4, NULL);
    CREATE VIEW v AS SELECT b FROM t WHERE a > 1;
    CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET b = 'changed' WHERE a = new.a; END;`,
  );
  const env = { SOURCE: source.token, TARGET: target.token };
  const args = ["--from-auth-token-env=SOURCE", "--to-auth-token-env=TARGET", "--json"];
  const urls = [source.server.url("ws"), target.server.url("http")];
  const copied = await run(["copy", ...urls, ...args], { env });
  t.like(JSON.parse(copied.stdout), { tables: 1, rows: 4, refused: [] });
  const to = open(target, "ws");
  for (const sql of [
    "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name",
    "SELECT a, b, typeof(b) FROM t ORDER BY a",
  ]) {
    t.deepEqual((await to.execute(sql)).rows, (await from.execute(sql)).rows);
  }
});

test("a token comes from the environment, and is shown nowhere", async (t) => {
  if (!hasServer(t)) return;
  const { server, token: right } = await startWithKey(t);
  const url = server.url("http");
  const wrong = newToken(generateKeyPairSync("ed25519").privateKey, 3600);
  const query = (token: string, ...options: string[]) =>
    run(["query", url, `SELECT 1 FROM "${token}"`, ...options], {
      env: { LATCHDB_AUTH_TOKEN: token, OTHER_TOKEN: right },
    });
  for (const [token, message] of [
    [right, /no such table/],
    [wrong, /401|AUTH/],
  ] as const) {
    const { code, stderr, stdout } = await query(token);
    t.is(code, 1);
    t.regex(stderr, message);
    t.false((stdout + stderr).includes(token));
  }
  t.regex((await query(wrong, "--auth-token-env", "OTHER_TOKEN")).stderr, /no such table/);
  const { file, url: fileUrl } = await temporaryDatabase(t);
  await openUrl(t, fileUrl).execute("CREATE TABLE t (a)");
  const copied = await run(["copy", file, url, "--to-auth-token-env", "OTHER_TOKEN"], {
    env: { OTHER_TOKEN: right },
  });
  t.is(copied.code, 0, copied.stderr);
});
