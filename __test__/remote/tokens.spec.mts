/** Tokens: right, wrong, expired, and given by a function. None of them is in an error. */
import { generateKeyPairSync } from "node:crypto";
import { inspect } from "node:util";
import test from "ava";
import { createClient, LibsqlError } from "latchdb";
import { selectValue } from "../support/database.mjs";
import { hasServer, protocols } from "../support/sqld.mjs";
import { newToken } from "../support/token.mjs";
import { sharedServer } from "./servers.mjs";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const shared = sharedServer(test, { jwtKey: publicKey.export({ format: "jwk" }).x as string });

const token = (seconds: number, key = privateKey): string => newToken(key, seconds);

for (const protocol of protocols) {
  test(`${protocol}: a right token lets in, by the option and by the URL`, async (t) => {
    if (!hasServer(t)) return;
    t.is(await selectValue(shared.open(t, protocol, { authToken: token(60) }), "select 1"), 1);
    const client = createClient({ url: `${shared.url(protocol)}?authToken=${token(60)}` });
    t.teardown(() => client.close());
    t.is(await selectValue(client, "select 1"), 1);
  });

  for (const [title, wrong] of [
    ["none", undefined],
    ["one of another key", token(60, generateKeyPairSync("ed25519").privateKey)],
    ["an expired one", token(-3600)],
    ["one that is no token", "geheim"],
  ] as const) {
    test(`${protocol}: with a wrong token, ${title}, calls are refused, and nothing shows it`, async (t) => {
      if (!hasServer(t)) return;
      const client = shared.open(t, protocol, { authToken: wrong });
      for (const call of [
        () => client.execute("select 1"),
        () => client.batch(["select 1"]),
        () => client.executeMultiple("select 1"),
        async () => (await client.transaction()).execute("select 1"),
      ]) {
        const error = await t.throwsAsync<LibsqlError>(call(), { instanceOf: LibsqlError });
        t.regex(error?.code ?? "", /^(AUTH_|SERVER_ERROR$|HRANA_)/);
        const shown = inspect(error, { depth: 20, showHidden: true });
        if (wrong !== undefined) t.false(shown.includes(wrong));
      }
    });
  }

  test(`${protocol}: a function gives the token of each connection or request`, async (t) => {
    if (!hasServer(t)) return;
    const tokens = [token(-3600), token(60)];
    let asked = 0;
    const authToken = async (): Promise<string> => tokens[Math.min(asked++, 1)] as string;
    const client = shared.open(t, protocol, { authToken });
    // The first one has expired. It is rotated while the client is open. By a WebSocket, whose greeting is
    // refused, a read may have been sent again with the second one.
    const first = client.execute("select 1");
    if (protocol === "http") await t.throwsAsync(first, { instanceOf: LibsqlError });
    else await first.catch(() => undefined);
    t.is(await selectValue(client, "select 2"), 2);
    t.is(await selectValue(client, "select 3"), 3);
    t.is(asked, protocol === "http" ? 3 : 2);
  });

  test(`${protocol}: what the function throws is the error of the call`, async (t) => {
    if (!hasServer(t)) return;
    const own = new Error("the vault is closed");
    const client = shared.open(t, protocol, { authToken: () => Promise.reject(own) });
    t.is(await t.throwsAsync(client.execute("select 1")), own);
    t.is(await t.throwsAsync(client.batch(["select 1"])), own);
    const other = shared.open(t, protocol, { authToken: (() => 5) as never });
    await t.throwsAsync(other.execute("select 1"), {
      instanceOf: TypeError,
      message: /type number/,
    });
  });
}
