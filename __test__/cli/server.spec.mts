// The commands on a server: sqld.
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { join } from "node:path";
import test from "ava";
import { openUrl, selectColumn, temporaryDatabase } from "../support/database.mjs";
import { hasServer, protocols, TestServer } from "../support/sqld.mjs";
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

/** A token (https://datatracker.ietf.org/doc/html/rfc7519) for an hour. */
function tokenBy(key: KeyObject): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const signed = `${encode({ alg: "EdDSA", typ: "JWT" })}.${encode({ exp, a: "rw" })}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`;
}

test("a token comes from the environment, and is shown nowhere", async (t) => {
  if (!hasServer(t)) return;
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const server = await TestServer.start({
    jwtKey: publicKey.export({ format: "jwk" }).x as string,
  });
  t.teardown(() => server.remove());
  const url = server.url("http");
  const right = tokenBy(privateKey);
  const wrong = tokenBy(generateKeyPairSync("ed25519").privateKey);
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
