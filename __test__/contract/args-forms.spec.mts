// What execute, batch, migrate and transactions take as the arguments of a statement. What the stock
// client 0.18.0 binds is bound; everything else is a TypeError. (The stock client's process ends where
// the statement has a `?`, and it binds NULL to a `:a`.)

import { runInNewContext } from "node:vm";
import test from "ava";
import type { InArgs, InStatement, LatchTransaction, LocalClient, ResultSet } from "latchdb";
import { openClient } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

class Point {
  a = 7;
}

class Numbers extends Array<number> {}

class NamedAndIterable {
  a = 7;
  *[Symbol.iterator](): Generator<number> {
    yield this.a;
  }
}

function argumentsObject(..._values: unknown[]): unknown {
  // oxlint-disable-next-line prefer-rest-params
  return arguments;
}

/** Ways to run a statement with these arguments. */
const ways: Record<string, (client: LocalClient, sql: string, args: InArgs) => Promise<ResultSet>> =
  {
    "execute(sql, args)": (client, sql, args) => client.execute(sql, args),
    "execute({ sql, args })": (client, sql, args) => client.execute({ sql, args }),
    "batch([[sql, args]])": async (client, sql, args) => only(await client.batch([[sql, args]])),
    "batch([{ sql, args }])": async (client, sql, args) =>
      only(await client.batch([{ sql, args } as InStatement])),
    "migrate([{ sql, args }])": async (client, sql, args) =>
      only(await client.migrate([{ sql, args }])),
    "transaction.execute(sql, args)": (client, sql, args) =>
      inTransaction(client, (transaction) => transaction.execute({ sql, args })),
    "transaction.batch([[sql, args]])": (client, sql, args) =>
      inTransaction(client, async (transaction) => only(await transaction.batch([[sql, args]]))),
  };

function only<T>(list: T[]): T {
  if (list[0] === undefined) throw new Error("no result");
  return list[0];
}

async function inTransaction<T>(
  client: LocalClient,
  run: (transaction: LatchTransaction) => Promise<T>,
): Promise<T> {
  const transaction = await client.transaction("deferred");
  try {
    return await run(transaction);
  } finally {
    transaction.close();
  }
}

const foreign = (code: string): unknown => runInNewContext(code);

/** By position: the first argument is 7. */
const positional: Record<string, () => unknown> = {
  "an array": () => [7],
  "an array of another realm": () => foreign("[7]"),
  "an instance of a class of arrays": () => Numbers.of(7),
  "a proxy of an array": () => new Proxy([7], {}),
};

/** By name: the argument `a` is 7. */
const named: Record<string, () => unknown> = {
  "an object": () => ({ a: 7 }),
  "an object without a prototype": () => Object.assign(Object.create(null), { a: 7 }),
  "an object that inherits": () => Object.create({ a: 7 }),
  "an object of another realm": () => foreign("({ a: 7 })"),
  "an instance of a class": () => new Point(),
  "an instance of a class that is iterable": () => new NamedAndIterable(),
  "an error with properties": () => Object.assign(new Error("x"), { a: 7 }),
  "a proxy of an object": () => new Proxy({ a: 7 }, {}),
  "names with lengths and indexes": () => ({ a: 7, length: 1 }),
};

/** None, so that each parameter is NULL: `execute(sql, condition && args)`. */
const none: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  false: () => false,
  "0": () => 0,
  "0n": () => 0n,
  NaN: () => NaN,
  "an empty string": () => "",
  "an empty array": () => [],
  "an empty object": () => ({}),
};

const refused: Record<string, () => unknown> = {
  "a number": () => 5,
  "a bigint": () => 5n,
  "a string": () => "abc",
  true: () => true,
  "a symbol": () => Symbol("a"),
  "a function": () => (a: number) => a,
  "a class": () => Point,
  "a Map": () => new Map([["a", 7]]),
  "a Map of another realm": () => foreign("new Map([['a', 7]])"),
  "a Set": () => new Set([7]),
  "a Set of another realm": () => foreign("new Set([7])"),
  "a WeakMap": () => new WeakMap(),
  "a Date": () => new Date(7),
  "a Date of another realm": () => foreign("new Date(7)"),
  "a RegExp": () => /a/,
  "an Error": () => new Error("a"),
  "a promise": () => Promise.resolve([7]),
  "an iterator": () => [7][Symbol.iterator](),
  "a generator": () => new NamedAndIterable()[Symbol.iterator](),
  "URL parameters": () => new URLSearchParams("a=7"),
  "a Uint8Array": () => new Uint8Array([7]),
  "a Float64Array of another realm": () => foreign("new Float64Array([7])"),
  "a Buffer": () => Buffer.from([7]),
  "a DataView": () => new DataView(new ArrayBuffer(1)),
  "an ArrayBuffer": () => new ArrayBuffer(1),
  "an ArrayBuffer of another realm": () => foreign("new ArrayBuffer(1)"),
  "a SharedArrayBuffer": () => new SharedArrayBuffer(1),
  "an object of arguments": () => argumentsObject(7),
  "an array-like object": () => ({ 0: 7, length: 1 }),
  "a boxed string": () => Object("abc"),
  "a boxed number": () => Object(5),
};

for (const [way, run] of Object.entries(ways)) {
  test(`arguments of ${way}`, async (t) => {
    const client = await openClient(t);
    const value = async (sql: string, args: unknown): Promise<unknown> => {
      const { rows } = await run(client, sql, unchecked<InArgs>(args));
      return rows[0]?.[0];
    };
    for (const [title, make] of Object.entries(positional)) {
      t.is(await value("select ?", make()), 7, title);
      t.is(await value("select :a", make()), 7, title);
    }
    for (const [title, make] of Object.entries(named)) {
      t.is(await value("select :a", make()), 7, title);
      t.is(await value("select ?", make()), null, title);
    }
    for (const [title, make] of Object.entries(none)) {
      t.is(await value("select ?", make()), null, title);
      t.is(await value("select :a", make()), null, title);
    }
    for (const [title, make] of Object.entries(refused)) {
      for (const sql of ["select ?", "select :a", "select 1"]) {
        const error = await t.throwsAsync(
          value(sql, make()),
          { instanceOf: TypeError, message: /^Expected arguments as an array .*: pass / },
          title,
        );
        t.false("code" in (error ?? {}));
      }
    }
    t.is(await value("select ?", [8]), 8, "the client still works");
  });
}

test("the message says what was given, and what to do", async (t) => {
  const client = await openClient(t);
  const messageOf = async (args: unknown): Promise<string | undefined> =>
    (await t.throwsAsync(client.execute("select ?", unchecked<InArgs>(args))))?.message;
  const form = "Expected arguments as an array (for ?) or as an object with names (for :name), got";
  t.is(await messageOf(5), `${form} 5: pass a single value as [value]`);
  t.is(await messageOf("a"), `${form} the string "a": pass a single value as [value]`);
  t.is(await messageOf(new Date()), `${form} Date: pass a single value as [value]`);
  t.is(await messageOf(Buffer.from("a")), `${form} Buffer: pass a single value as [value]`);
  t.is(await messageOf(new Map()), `${form} Map: pass Object.fromEntries(map)`);
  const array = "pass an array, for example Array.from(values)";
  t.is(await messageOf(new Set()), `${form} Set: ${array}`);
  t.is(await messageOf({ 0: 1, length: 1 }), `${form} Object: ${array}`);
});

test("a row can be the arguments of the next statement", async (t) => {
  const client = await openClient(t);
  const { rows } = await client.execute('select 7 as a, 8 as length, 9 as "0"');
  const again = await client.execute("select :a as a", unchecked<InArgs>(rows[0]));
  t.is(again.rows[0]?.["a"], 7);
});

for (const [title, statements] of Object.entries({
  "a string": "select 1",
  "a Set": new Set(["select 1"]),
  "a number": 5,
  null: null,
  undefined: undefined,
})) {
  test(`a batch that is ${title} is a TypeError`, async (t) => {
    const client = await openClient(t);
    const batch = unchecked<InStatement[]>(statements);
    const expected = { instanceOf: TypeError, message: /^Expected an array of statements, got / };
    await t.throwsAsync(client.batch(batch), expected);
    await t.throwsAsync(client.migrate(batch), expected);
    await t.throwsAsync(
      inTransaction(client, (transaction) => transaction.batch(batch)),
      expected,
    );
  });
}

test("a batch can be anything with indexes and a length", async (t) => {
  const client = await openClient(t);
  const batch = unchecked<InStatement[]>({ 0: "select 5 as a", length: 1 });
  t.is(only(await client.batch(batch)).rows[0]?.["a"], 5);
});

for (const statement of [null, undefined, 5, Symbol("x")]) {
  test(`a statement of a batch that is ${String(statement)} is a TypeError`, async (t) => {
    const client = await openClient(t);
    await t.throwsAsync(client.batch([unchecked<InStatement>(statement)]), {
      instanceOf: TypeError,
      message: /^Expected a statement as SQL or as an object with sql, got /,
    });
  });
}
