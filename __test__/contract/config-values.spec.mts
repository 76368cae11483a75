// Each option of the configuration with values that environment variables, JSON and mistakes lead to.
// What the stock client 0.18.0 takes is taken. Its answers to the same values are in the comments.

import test from "ava";
import { createClient, LibsqlError } from "latchdb";
import type { LatchConfig } from "latchdb";
import { selectValue, temporaryDatabase } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

const LONGEST = 2 ** 31 - 1;

/** The time that SQLite is told, or the error. */
const timeouts: Array<[unknown, number | ErrorConstructor]> = [
  [undefined, 0],
  [null, 0],
  [0, 0],
  [5, 5],
  [1.5, 1],
  [-1, 0],
  [-Infinity, 0],
  [Infinity, LONGEST], // 0
  [2 ** 31, LONGEST], // 0
  [2 ** 53, LONGEST], // 0
  [NaN, RangeError], // 0
  ["5", TypeError],
  ["", TypeError],
  [true, TypeError],
  [5n, TypeError],
  [{}, TypeError],
  [[], TypeError],
  [new Date(5), TypeError],
  [Symbol("5"), TypeError],
  [() => 5, TypeError],
];

for (const [timeout, expected] of timeouts) {
  test(`timeout: ${nameOf(timeout)}`, async (t) => {
    const { url } = await temporaryDatabase(t);
    const create = (): ReturnType<typeof createClient> =>
      createClient(unchecked<LatchConfig>({ url, timeout }));
    if (typeof expected === "function") {
      t.throws(create, {
        instanceOf: expected,
        message: /^timeout must be a number of milliseconds, got /,
      });
      return;
    }
    const client = create();
    t.is(await selectValue(client, "pragma busy_timeout"), expected);
    client.close();
  });
}

/** How many transactions can be open at once ("many": 22 at least), or the error. */
const concurrencies: Array<[unknown, number | "many" | ErrorConstructor]> = [
  [undefined, 20],
  [null, 20],
  [0, 20],
  [NaN, 20],
  ["", 20],
  [false, 20],
  [3, 3],
  ["3", 3],
  [1.5, 2],
  [-1, 1],
  [-Infinity, 1],
  [true, 1],
  [[], 1],
  [Infinity, "many"],
  [2 ** 31, "many"],
  [2 ** 53, "many"],
  ["x", TypeError], // no limit
  [{}, TypeError], // no limit
  [() => 5, TypeError], // no limit
  [5n, TypeError],
  [Symbol("5"), TypeError],
];

for (const [concurrency, expected] of concurrencies) {
  test(`concurrency: ${nameOf(concurrency)}`, async (t) => {
    const { url } = await temporaryDatabase(t);
    const create = (): ReturnType<typeof createClient> =>
      createClient(unchecked<LatchConfig>({ url, concurrency }));
    if (typeof expected === "function") {
      t.throws(create, {
        instanceOf: expected,
        message: /^concurrency must be a number of connections, got /,
      });
      return;
    }
    const client = create();
    try {
      const limit = expected === "many" ? 22 : expected;
      for (let open = 0; open < limit; open++) await client.transaction("deferred");
      if (expected === "many") return t.pass();
      await t.throwsAsync(client.transaction("deferred"), {
        instanceOf: LibsqlError,
        code: "TRANSACTION_ACTIVE",
      });
    } finally {
      client.close();
    }
  });
}

const notTexts = [0, 5, NaN, -1, Infinity, true, 5n, {}, [], Symbol("5"), (): number => 5];

for (const option of ["authToken", "encryptionKey", "remoteEncryptionKey", "syncUrl"] as const) {
  test(`${option} that is not a string is a TypeError, which does not show it`, async (t) => {
    const { url } = await temporaryDatabase(t);
    for (const value of notTexts) {
      // The stock client takes a falsy syncUrl for none.
      if (option === "syncUrl" && !value) continue;
      // A function gives the token of each request to a server.
      if (option === "authToken" && typeof value === "function") continue;
      t.throws(() => createClient(unchecked<LatchConfig>({ url, [option]: value })), {
        instanceOf: TypeError,
        message: `${option} must be a string, got a value of type ${typeof value}`,
      });
    }
  });
}

test("an option that is null or undefined is not set", async (t) => {
  const { url } = await temporaryDatabase(t);
  for (const none of [null, undefined]) {
    const options: Record<string, unknown> = { intMode: none, rowMode: none };
    options["adoptVectorIndexes"] = none;
    for (const name of ["authToken", "encryptionKey", "remoteEncryptionKey", "syncUrl", "tls"]) {
      options[name] = none;
    }
    const client = createClient(unchecked<LatchConfig>({ url, ...options }));
    t.is(await selectValue(client, "select 1"), 1);
    client.close();
  }
});

for (const mode of ["", "x", "rows", 0, 5, NaN, 5n, true, {}, [], Object("row"), Symbol("row")]) {
  test(`rowMode and intMode: ${nameOf(mode)} is a TypeError`, async (t) => {
    const { url } = await temporaryDatabase(t);
    t.throws(() => createClient(unchecked<LatchConfig>({ url, rowMode: mode })), {
      instanceOf: TypeError,
      message: /^rowMode must be "row", "object", "array", "pluck" or "expand", got /,
    });
    t.throws(() => createClient(unchecked<LatchConfig>({ url, intMode: mode })), {
      instanceOf: TypeError,
      message: /intMode.*"number", "bigint" or "string", got /,
    });
  });
}

for (const adopt of ["", "true", 0, 1, {}]) {
  test(`adoptVectorIndexes: ${nameOf(adopt)} is a TypeError`, async (t) => {
    const { url } = await temporaryDatabase(t);
    t.throws(() => createClient(unchecked<LatchConfig>({ url, adoptVectorIndexes: adopt })), {
      instanceOf: TypeError,
      message: /^adoptVectorIndexes must be true or false, got /,
    });
  });
}

for (const url of [undefined, null, 5, NaN, "", "x", true, {}, [], 5n]) {
  test(`url: ${nameOf(url)} is URL_INVALID`, (t) => {
    t.throws(() => createClient(unchecked<LatchConfig>({ url })), {
      instanceOf: LibsqlError,
      code: "URL_INVALID",
    });
  });
}

test("url can be a URL object", async (t) => {
  const { url } = await temporaryDatabase(t);
  const client = createClient(unchecked<LatchConfig>({ url: new URL(url) }));
  t.is(await selectValue(client, "select 1"), 1);
  client.close();
});

function nameOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object" && value !== null) {
    return `${value.constructor.name} ${JSON.stringify(value)}`;
  }
  return typeof value === "bigint" ? `${value}n` : String(value);
}
