/** One signal for many calls, and objects that are almost an AbortSignal. */
import { getEventListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { runInNewContext } from "node:vm";
import test from "ava";
import type { ExecutionContext } from "ava";
import type { LatchTransaction, LocalClient } from "latchdb";
import { swapFile } from "latchdb/swap";
import { openClient, selectValue, temporaryDirectory } from "../support/database.mjs";
import { endlessQuery } from "../support/queries.mjs";

const reason = new Error("changed my mind");

const inTransaction = "a call of a transaction";

/** Every kind of call that takes a signal, on a table `t (a)`. */
const calls: Array<[string, (client: LocalClient, signal: AbortSignal) => Promise<unknown>]> = [
  ["execute", (client, signal) => client.execute({ sql: "insert into t values (1)", signal })],
  ["batch", (client, signal) => client.batch(["insert into t values (1)"], "write", { signal })],
  ["migrate", (client, signal) => client.migrate(["insert into t values (1)"], { signal })],
  [
    "executeMultiple",
    (client, signal) => client.executeMultiple("insert into t values (1)", { signal }),
  ],
  [
    "transaction",
    async (client, signal) => {
      const transaction = await client.transaction("write", { signal });
      await transaction.execute("insert into t values (1)");
      await transaction.commit();
    },
  ],
  [
    inTransaction,
    async (client, signal) => {
      const transaction = await client.transaction("write");
      try {
        await transaction.execute({ sql: "insert into t values (1)", signal });
        await transaction.commit();
      } finally {
        transaction.close();
      }
    },
  ],
];

/** An `AbortSignal` as old polyfills have it, of a class of its own. */
class OldSignal {
  aborted = false;
  readonly listeners = new Set<() => void>();

  addEventListener(type: string, listener: () => void): void {
    if (type === "abort") this.listeners.add(listener);
  }

  abort(): void {
    this.aborted = true;
    for (const listener of this.listeners) listener();
  }
}

const endless = (transaction: LatchTransaction, signal: unknown): Promise<unknown> =>
  transaction.execute({ sql: endlessQuery, signal: asSignal(signal) });

/** A DOMException is no error for `t.throwsAsync`. */
async function assertAborts(t: ExecutionContext, call: Promise<unknown>): Promise<unknown> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  t.true(error instanceof DOMException && error.name === "AbortError", String(error));
  return error;
}

const asSignal = (signal: unknown): AbortSignal => signal as AbortSignal;

async function openTable(t: ExecutionContext): Promise<LocalClient> {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  return client;
}

test.serial("1,000 calls on one signal have one listener, and none after their end", async (t) => {
  const warnings: string[] = [];
  const listen = (warning: Error): void => void warnings.push(warning.name);
  process.on("warning", listen);
  t.teardown(() => process.off("warning", listen));
  const client = await openTable(t);
  const directory = await temporaryDirectory(t);
  const { signal } = new AbortController();
  let most = 0;
  const look = (): void => {
    most = Math.max(most, getEventListeners(signal, "abort").length);
  };
  const transaction = await client.transaction("deferred", { signal });
  const made: Array<Promise<unknown>> = [];
  for (let i = 0; i < 250; i++) {
    made.push(transaction.execute({ sql: "select 1", signal }));
    made.push(client.execute({ sql: "select 1", signal }));
    made.push(client.batch(["select 1"], "read", { signal }));
    if (i < 20) made.push(swapFile(`${directory}/${i}`, { data: "new", signal }));
    look();
  }
  await Promise.all(made);
  look();
  await transaction.commit();
  t.is(most, 1);
  t.is(getEventListeners(signal, "abort").length, 0);
  // Warnings come in a later turn.
  await sleep(1);
  t.deepEqual(warnings, []);
});

test("an abort ends every call of the signal, where it is, and no other", async (t) => {
  const client = await openTable(t);
  const controller = new AbortController();
  const { signal } = controller;
  const transaction = await client.transaction("write", { signal });
  const rejecting = [
    transaction.execute({ sql: endlessQuery, signal }),
    transaction.execute({ sql: "select 1", signal }),
    ...calls.map(([, call]) => call(client, signal)),
  ];
  const other = client.execute("insert into t values (2)");
  controller.abort(reason);
  for (const rejected of rejecting) await t.throwsAsync(rejected, { is: reason });
  await other;
  t.true(transaction.closed);
  await t.throwsAsync(transaction.execute("select 1"), { code: "TRANSACTION_CLOSED" });
  t.is(await selectValue(client, "select group_concat(a) from t"), "2");
});

for (const [name, call] of calls) {
  test(`${name} takes a signal without reason, throwIfAborted and removeEventListener`, async (t) => {
    const client = await openTable(t);
    const signal = new OldSignal();
    await call(client, asSignal(signal));
    await call(client, asSignal(signal));
    t.is(signal.listeners.size, 1, "one, although it cannot be removed");
    const holder = await client.transaction("write");
    const waiting =
      name === inTransaction ? endless(holder, signal) : call(client, asSignal(signal));
    signal.abort();
    const error = await assertAborts(t, waiting);
    await holder.rollback();
    t.is(await assertAborts(t, call(client, asSignal(signal))), error);
    t.is(await selectValue(client, "select count(*) from t"), 2);
  });

  test(`${name} takes a signal of another realm`, async (t) => {
    const client = await openTable(t);
    const signal = runInNewContext(
      `const listeners = new Set();
       ({
         aborted: false,
         addEventListener(type, listener) { listeners.add(listener); },
         removeEventListener(type, listener) { listeners.delete(listener); },
         abort(reason) { this.aborted = true; this.reason = reason; for (const l of listeners) l(); },
         get size() { return listeners.size; },
       })`,
    ) as { abort(reason: unknown): void; size: number };
    await call(client, asSignal(signal));
    t.is(signal.size, 0);
    const holder = await client.transaction("write");
    const waiting =
      name === inTransaction ? endless(holder, signal) : call(client, asSignal(signal));
    signal.abort(reason);
    await t.throwsAsync(waiting, { is: reason });
    await holder.rollback();
  });

  test(`${name} refuses what is no signal, and rejects if its signal throws`, async (t) => {
    const client = await openTable(t);
    const addEventListener = (): void => undefined;
    const noSignals: unknown[] = [
      "abort",
      7,
      true,
      {},
      new AbortController(),
      new EventTarget(),
      { aborted: false },
      { aborted: "no", addEventListener },
      { aborted: false, addEventListener: "no" },
    ];
    for (const signal of noSignals) {
      await t.throwsAsync(call(client, asSignal(signal)), {
        instanceOf: TypeError,
        message: /^signal must be an AbortSignal/,
      });
    }
    const thrown = new Error("this signal throws");
    const fail = (): never => {
      throw thrown;
    };
    const throwing = new AbortController().signal;
    Object.defineProperty(throwing, "addEventListener", { value: fail });
    let asked = 0;
    const signals: unknown[] = [
      throwing,
      { aborted: false, addEventListener: fail },
      Object.defineProperty({ addEventListener }, "aborted", { get: fail }),
      // It throws once the call has been accepted.
      Object.defineProperty({ addEventListener }, "aborted", {
        get: () => (++asked > 2 ? fail() : false),
      }),
      Object.defineProperty({ aborted: true, addEventListener }, "reason", { get: fail }),
    ];
    for (const signal of signals) {
      await t.throwsAsync(call(client, asSignal(signal)), { is: thrown });
    }
    // Nothing has run, and nothing is left open.
    t.is(await selectValue(client, "select count(*) from t"), 0);
    await call(client, new AbortController().signal);
    t.is(await selectValue(client, "select count(*) from t"), 1);
  });

  test(`${name} ignores a removeEventListener that throws`, async (t) => {
    const client = await openTable(t);
    const signal = Object.assign(new OldSignal(), {
      removeEventListener: () => {
        throw reason;
      },
    });
    await call(client, asSignal(signal));
    await call(client, asSignal(signal));
    t.is(signal.listeners.size, 1);
  });
}

test("a swap takes the same signals", async (t) => {
  const directory = await temporaryDirectory(t);
  const target = `${directory}/target`;
  const old = new OldSignal();
  await swapFile(target, { data: "new", signal: asSignal(old) });
  const prepare = (): Promise<void> => {
    old.abort();
    return new Promise(() => undefined);
  };
  const swap = swapFile(target, { data: "newer", prepare, signal: asSignal(old) });
  await assertAborts(t, swap);
  await t.throwsAsync(swapFile(target, { data: "newer", signal: asSignal({}) }), {
    instanceOf: TypeError,
  });
});
