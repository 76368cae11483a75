/**
 * An error's stack names the function that made the call, and so does that of its cause. The runtime
 * adds that function only to an error that is made where the awaiting function continues.
 */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Readable } from "node:stream";
import test from "ava";
import type { ExecutionContext } from "ava";
import type { LocalClient } from "latchdb";
import {
  copyDatabase,
  fsyncDirectory,
  fsyncFile,
  recover,
  removeWithRetry,
  renameDurably,
  swapDatabase,
  swapFile,
} from "latchdb/swap";
import {
  openClient,
  openUrl,
  temporaryDatabase,
  temporaryDirectory,
} from "../support/database.mjs";
import { internal } from "../support/internals.mjs";
import { endlessQuery } from "../support/queries.mjs";
import { barrier, openSuspendable } from "../support/suspension.mjs";

/** What the tests use of lib/client/failure. */
interface Failures {
  Failure: new (make: () => Error) => object;
}

const wrong = "select * from nowhere";

/** Is written in more than one turn of the event loop: the first argument takes its time. */
const slow = {
  sql: "select :a",
  args: {
    get a() {
      const until = performance.now() + 5;
      while (performance.now() < until);
      return 1;
    },
  },
};
const long = [slow, ...Array.from({ length: 1000 }, () => "select 1")];

/** The first error of a call that a function of this name awaits. */
async function errorOf(call: () => Promise<unknown>): Promise<Error | undefined> {
  async function callerOfMine(): Promise<void> {
    await call();
  }
  return callerOfMine().then(
    () => undefined,
    (error: unknown) => error as Error,
  );
}

/** Checks the stacks of an error and of its causes, but for causes that the caller has made. */
function assertNamed(t: ExecutionContext, error: Error | undefined, given?: unknown): void {
  t.true(error instanceof Error, "the call has not failed, or not with an error");
  for (let at: unknown = error; at instanceof Error && at !== given; at = at.cause) {
    t.regex(at.stack ?? "", /callerOfMine/);
    t.true(
      (at.stack ?? "").split("\n").findIndex((line) => line.includes("callerOfMine")) <= 9,
      at.stack,
    );
  }
}

/** A client with a table `t (a)`, on a file. */
async function clientWithTable(t: ExecutionContext): Promise<LocalClient> {
  const client = await openClient(t);
  await client.execute("create table t (a unique)");
  await client.execute("insert into t values (1)");
  return client;
}

const calls: Array<[string, (executor: LocalClient) => Promise<unknown>]> = [
  ["execute", (client) => client.execute(wrong)],
  ["get", (client) => client.get(wrong)],
  ["execute, of a constraint", (client) => client.execute("insert into t values (1)")],
  ["execute, of a wrong argument", (client) => client.execute("select ?", [Number.NaN])],
  ["execute, of an integer that is not safe", (client) => client.execute("select 1 << 60")],
  ["batch", (client) => client.batch(["select 1", wrong])],
  ["a long batch", (client) => client.batch([...long, wrong])],
  [
    "a long batch with a wrong argument",
    (client) => client.batch([...long, { sql: "select ?", args: [Infinity] }]),
  ],
  ["executeMultiple", (client) => client.executeMultiple(`select 1; ${wrong}`)],
  ["an iterator's first row", (client) => client.iterate(wrong).next()],
  ["chunks", (client) => client.iterate(wrong).chunks().next()],
  ["execute of a prepared statement", (client) => client.prepare(wrong).execute()],
  ["get of a prepared statement", (client) => client.prepare(wrong).get()],
  ["iterate of a prepared statement", (client) => client.prepare(wrong).iterate().next()],
  ["executeMany", (client) => client.prepare(wrong).executeMany([[]])],
  ["describe", (client) => client.prepare(wrong).describe()],
];

for (const [title, call] of [
  ...calls,
  ["migrate", (client: LocalClient) => client.migrate([wrong])] as const,
  [
    "a batch of a mode that there is not",
    (client: LocalClient) => client.batch(["select 1"], "x" as "read"),
  ] as const,
]) {
  test(`${title}: at once, and behind a batch that is being written`, async (t) => {
    const client = await clientWithTable(t);
    assertNamed(t, await errorOf(() => call(client)));
    const batch = client.batch(long);
    assertNamed(t, await errorOf(() => call(client)));
    await batch;
  });
}

for (const [title, call] of calls) {
  test(`in a transaction, ${title}: at once, and behind a batch that is being written`, async (t) => {
    const client = await clientWithTable(t);
    const transaction = await client.transaction("write");
    const executor = transaction as unknown as LocalClient;
    assertNamed(t, await errorOf(() => call(executor)));
    const batch = transaction.batch(long);
    assertNamed(t, await errorOf(() => call(executor)));
    await batch;
    transaction.close();
    assertNamed(t, await errorOf(() => call(executor)));
  });
}

for (const [title, call] of calls) {
  test(`in a nested transaction, ${title}`, async (t) => {
    const client = await clientWithTable(t);
    await client
      .transaction((outer) =>
        outer.transaction(async (nested) => {
          const executor = nested as unknown as LocalClient;
          assertNamed(t, await errorOf(() => call(executor)));
          nested.close();
          assertNamed(t, await errorOf(() => call(executor)));
        }),
      )
      .catch(() => undefined);
  });
}

test("transaction(fn): BEGIN, COMMIT, the end of the client, and an inner one", async (t) => {
  const database = await temporaryDatabase(t);
  const holder = await database.open().transaction("write");
  const client = database.open({ timeout: 10, acquireTimeout: 20 });
  assertNamed(t, await errorOf(() => client.transaction(async () => 1)));
  holder.close();
  await client.execute(
    "create table t (a references t (b) deferrable initially deferred, b unique)",
  );
  const violates = "insert into t (a) values (7)";
  assertNamed(t, await errorOf(() => client.transaction((tx) => tx.execute(violates))));
  const transaction = await client.transaction();
  const closes = async (tx: { close(): void }): Promise<void> => tx.close();
  assertNamed(t, await errorOf(() => transaction.transaction(closes)));
  const waits = (): Promise<void> => transaction.transaction(async () => undefined);
  await transaction.transaction(async () => assertNamed(t, await errorOf(waits)));
  transaction.close();
  assertNamed(t, await errorOf(waits));
  const never = new Promise<void>(() => undefined);
  setImmediate(() => setImmediate(() => client.close()));
  assertNamed(t, await errorOf(() => client.transaction(() => never)));
});

test("transaction(), of a client that waits for another one", async (t) => {
  const database = await temporaryDatabase(t);
  const holder = await database.open().transaction("write");
  const client = database.open({ timeout: 10 });
  assertNamed(t, await errorOf(() => client.transaction("write")));
  holder.close();
});

test("transaction(), of a client in memory that has one", async (t) => {
  const client = openUrl(t, ":memory:");
  const holder = await client.transaction("write");
  assertNamed(t, await errorOf(() => client.transaction("write")));
  holder.close();
});

test("commit() that SQLite refuses", async (t) => {
  const client = await openClient(t);
  await client.execute("create table a (id integer primary key)");
  await client.execute("create table b (a references a deferrable initially deferred)");
  const transaction = await client.transaction("write");
  await transaction.execute("insert into b values (7)");
  assertNamed(t, await errorOf(() => transaction.commit()));
});

for (const end of ["commit", "rollback"] as const) {
  test(`${end}() behind a long batch, of a client that is closed meanwhile`, async (t) => {
    const client = await openClient(t);
    const transaction = await client.transaction("write");
    const batch = errorOf(() => transaction.batch(long));
    const ended = errorOf(() => transaction[end]());
    client.close();
    assertNamed(t, await batch);
    assertNamed(t, await ended);
  });
}

for (const how of ["close", "shutdown"] as const) {
  test(`calls that run and that wait, at ${how}(): each has an error of its own`, async (t) => {
    const client = await clientWithTable(t);
    const running = errorOf(() => client.execute(endlessQuery));
    const batch = errorOf(() => client.batch(long));
    const waiting = [1, 2].map(() => errorOf(() => client.execute("select 1")));
    const ended = client[how]();
    for (const error of [running, batch, ...waiting]) assertNamed(t, await error);
    t.not(await waiting[0], await waiting[1]);
    await ended;
    assertNamed(t, await errorOf(() => client.execute("select 1")));
  });
}

test("reconnect() whose database is gone, at once and behind a replacement", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.execute("create table t (a)");
  let reconnected: Promise<Error | undefined> | undefined;
  let waiting: Promise<Error | undefined> | undefined;
  const build = async (staging: LocalClient): Promise<void> => {
    await staging.execute("create table t (a)");
    reconnected = errorOf(() => client.reconnect());
    waiting = errorOf(() => client.execute(wrong));
    await rm(database.directory, { recursive: true });
  };
  assertNamed(t, await errorOf(() => client.replaceDatabase({ build })));
  assertNamed(t, await reconnected);
  assertNamed(t, await waiting);
  assertNamed(t, await errorOf(() => client.reconnect()));
});

test("replaceDatabase(): build, verify, the wait, the client's end; and what its channel carries", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const published: unknown[] = [];
  const hear = (message: unknown): void => {
    const { target, error } = message as { target: string; error?: unknown };
    if (target === database.file && error !== undefined) published.push(error);
  };
  subscribe("latchdb:swap", hear);
  t.teardown(() => unsubscribe("latchdb:swap", hear));
  const given = new Error("of the caller");
  const throwing = (): never => {
    throw given;
  };
  const build = (): void => undefined;
  const errors = [
    await errorOf(() => client.replaceDatabase({ build: throwing })),
    await errorOf(() => client.replaceDatabase({ build, verify: throwing })),
    await errorOf(() => client.replaceDatabase({ build, verify: () => false })),
  ];
  const transaction = await client.transaction("write");
  errors.push(await errorOf(() => client.replaceDatabase({ build, timeoutMs: 1 })));
  transaction.close();
  const { passed, pass } = barrier();
  const waiting = errorOf(() => client.replaceDatabase({ build: () => passed }));
  await new Promise(setImmediate);
  const behind = errorOf(() => client.execute("select 1"));
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = errorOf(() => client.replaceDatabase({ build, signal }));
  controller.abort(given);
  t.is(await aborted, given);
  client.close();
  pass();
  assertNamed(t, await behind);
  for (const error of errors) assertNamed(t, error, given);
  t.deepEqual(published.slice(0, errors.length), errors);
  t.true(errors.every((error, i) => published[i] === error));
  await waiting;
});

test("shutdown() that fails, awaited and not", async (t) => {
  const { ConnectionPool } = internal<{ ConnectionPool: new (...of: unknown[]) => Pool }>(
    "local/connection-pool",
  );
  const { Failure } = internal<Failures>("client/failure");
  interface Pool {
    open(): void;
    close(): void;
    shutdown(): Promise<unknown>;
    scheduler: { database: { closeInBackground(): Promise<unknown> } };
  }
  const { file } = await temporaryDatabase(t);
  for (const isAwaited of [true, false]) {
    const pool = new ConnectionPool(file, {}, 1);
    pool.open();
    t.teardown(() => pool.close());
    pool.scheduler.database.closeInBackground = () =>
      Promise.reject(new Failure(() => new Error("refused", { cause: new Error("by SQLite") })));
    if (isAwaited) assertNamed(t, await errorOf(() => pool.shutdown()));
    else {
      // Not handled by the caller: AVA would report it.
      const shutdown = pool.shutdown();
      t.is(pool.shutdown(), shutdown);
      await new Promise(setImmediate);
    }
  }
});

test("an action of a suspended client that fails", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = openSuspendable(file);
  t.teardown(() => client.close());
  const given = new Error("of the caller");
  t.is(await errorOf(() => suspended(() => Promise.reject(given))), given);
});

for (const [title, call] of [
  ["swapFile", (path) => swapFile(path, { data: "new" })],
  [
    "swapFile with a prepare that throws",
    (path, given) =>
      swapFile(`${path}.`, {
        data: "",
        prepare: () => {
          throw given;
        },
      }),
  ],
  [
    "swapFile of a stream that fails",
    (path, given) =>
      swapFile(`${path}.`, {
        data: new Readable({
          read: (): never => {
            throw given;
          },
        }),
      }),
  ],
  [
    "swapFile of a stream of something else",
    (path) =>
      swapFile(`${path}.`, {
        data: (async function* () {
          yield 1 as unknown as string;
        })(),
      }),
  ],
  ["swapDatabase", (path) => swapDatabase(path, { source: `${path}.db` })],
  [
    "swapDatabase with a build that throws",
    (path, given) =>
      swapDatabase(`${path}.`, {
        build: () => {
          throw given;
        },
      }),
  ],
  ["copyDatabase", (path) => copyDatabase(path, `${path}.copy`)],
  ["recover", (path) => recover(path)],
  ["fsyncFile", (path) => fsyncFile(path)],
  ["fsyncDirectory", (path) => fsyncDirectory(path)],
  ["renameDurably", (path) => renameDurably(path, `${path}2`, { retryMs: 0 })],
  ["removeWithRetry", (path) => removeWithRetry(`${path}/..`, { retryMs: 0 })],
] as Array<[string, (path: string, given: Error) => Promise<unknown>]>) {
  test(title, async (t) => {
    const directory = await temporaryDirectory(t);
    await writeFile(join(directory, "file"), "");
    const given = new Error("of the caller");
    const path = join(directory, "file", "missing");
    const target = title.includes(" ") ? join(directory, "other") : path;
    assertNamed(t, await errorOf(() => call(target, given)), given);
  });
}
