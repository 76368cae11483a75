import test from "ava";
import { createClient, LibsqlError } from "latchdb";
import type { Client, Config, IntMode, Transaction } from "latchdb";
import { openClient, selectValue, temporaryDatabase } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

test("options of remote clients change nothing for a local file", async (t) => {
  const client = await openClient(t, {
    authToken: "secret",
    remoteEncryptionKey: "secret",
    syncInterval: 60,
    readYourWrites: true,
    offline: true,
    tls: false,
    fetch: () => t.fail("fetch was called"),
  });
  t.is(await selectValue(client, "select 1"), 1);
});

for (const value of [undefined, null, 1, "file:test.db"]) {
  test(`a configuration that is ${JSON.stringify(value)} is a TypeError`, (t) => {
    t.throws(() => createClient(unchecked<Config>(value)), { instanceOf: TypeError });
  });
}

test("a configuration without a URL is URL_INVALID", (t) => {
  t.throws(() => createClient(unchecked<Config>({})), {
    instanceOf: LibsqlError,
    code: "URL_INVALID",
  });
});

test("an unknown intMode is a TypeError", async (t) => {
  const { url } = await temporaryDatabase(t);
  t.throws(() => createClient({ url, intMode: unchecked<IntMode>("float") }), {
    instanceOf: TypeError,
    message: /intMode/,
  });
});

async function openTransactions(client: Client, count: number): Promise<Transaction[]> {
  const transactions: Transaction[] = [];
  for (let opened = 0; opened < count; opened++) {
    transactions.push(await client.transaction("deferred"));
  }
  return transactions;
}

for (const [concurrency, limit] of [
  [undefined, 20],
  [0, 20],
  [1, 1],
  [3, 3],
  [25, 25],
] as const) {
  test(`concurrency ${concurrency} allows ${limit} transactions at once`, async (t) => {
    const client = await openClient(t, { concurrency });
    const transactions = await openTransactions(client, limit);
    await t.throwsAsync(client.transaction("deferred"), {
      instanceOf: LibsqlError,
      code: "TRANSACTION_ACTIVE",
    });
    for (const transaction of transactions) {
      transaction.close();
    }
  });
}
