/** Tens of thousands of calls that wait: their number may cost time, but not its square. */
import test from "ava";
import type { ExecutionContext } from "ava";
import type { LocalClient } from "latchdb";
import { selectValue, temporaryDatabase } from "../support/database.mjs";
import { longestGaps } from "../support/event-loop-gap.mjs";
import { openSuspendable } from "../support/suspension.mjs";
import { endlessQuery } from "../support/queries.mjs";

// Serial: these tests measure the event loop that they run on.

/** MANY_CALLS sets more, to measure. In square time, 50,000 calls took 5 s to start. */
const MANY = Number(process.env["MANY_CALLS"] ?? 10_000);
const TIMEOUT_MS = 120_000;
/** One turn starts calls for 2 ms, and reads answers for 3 ms. Started at once, they take 200 ms. */
const GAP_LIMIT_MS = 100;
const ATTEMPTS = 6;
const reason = new Error("changed my mind");

/** A client whose calls wait until `goOn` is called. */
async function suspendedClient(
  t: ExecutionContext,
): Promise<{ client: LocalClient; goOn: () => Promise<void> }> {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = openSuspendable(file);
  t.teardown(() => client.close());
  await client.execute("create table t (id integer primary key, a)");
  let end = (): void => undefined;
  let begun = (): void => undefined;
  const hasBegun = new Promise<void>((resolve) => (begun = resolve));
  const ended = suspended(() => {
    begun();
    return new Promise<void>((resolve) => (end = resolve));
  });
  await hasBegun;
  const goOn = (): Promise<void> => {
    end();
    return ended;
  };
  return { client, goOn };
}

interface Counts {
  resolved: number;
  rejected: Map<unknown, number>;
}

async function count(calls: Array<Promise<unknown>>): Promise<Counts> {
  const counts: Counts = { resolved: 0, rejected: new Map() };
  for (const call of await Promise.allSettled(calls)) {
    if (call.status === "fulfilled") counts.resolved++;
    else {
      const { code } = call.reason as { code?: string };
      const key = code ?? (call.reason as unknown);
      counts.rejected.set(key, (counts.rejected.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

const times = <T,>(make: (i: number) => T): T[] => Array.from({ length: MANY }, (_, i) => make(i));

test.serial(
  "calls that have waited for a suspension start in their order and in turns",
  async (t) => {
    t.timeout(TIMEOUT_MS);
    const gaps = await longestGaps(
      GAP_LIMIT_MS,
      async () => {
        const { client, goOn } = await suspendedClient(t);
        const insert = (i: number) =>
          client.execute({ sql: "insert into t (a) values (?)", args: [i] });
        await new Promise(setImmediate);
        // A batch holds the file for so many calls: autocommitted inserts would take minutes.
        void client.execute("begin").catch(() => undefined);
        const calls: Array<Promise<unknown>> = [];
        for (let i = 0; i < MANY; i++) {
          calls.push(insert(i));
          // Making them holds the event loop, which is the caller's doing.
          if (i % 500 === 0) await new Promise(setImmediate);
        }
        await goOn();
        // Many of them have not started yet.
        const late = insert(MANY);
        const committed = client.execute("commit");
        t.is((await count([...calls, late, committed])).resolved, MANY + 2);
        t.is(await selectValue(client, "select count(*) from t where a = id - 1"), MANY + 1);
        client.close();
      },
      ATTEMPTS,
    );
    const shown = gaps.map(({ held, clock }) => `${held.toFixed(1)} (${clock.toFixed(1)})`);
    t.log(`longest gaps ${shown.join(", ")} ms, in brackets by the clock`);
    t.true(Math.min(...gaps.map(({ held }) => held)) < GAP_LIMIT_MS);
  },
);

test.serial(
  "an explicit transaction that is being started is drained before it is rolled back",
  async (t) => {
    t.timeout(TIMEOUT_MS);
    const { client, goOn } = await suspendedClient(t);
    const begun = client.execute("begin");
    const calls = times((i) => client.execute({ sql: "insert into t (a) values (?)", args: [i] }));
    const committed = client.execute("commit");
    await goOn();
    const report = await client.shutdown({ drain: true, timeoutMs: 60_000 });
    t.is((await count([begun, ...calls, committed])).resolved, MANY + 2);
    t.is(report.cancelled, 0);
    await client.reconnect();
    t.is(await selectValue(client, "select count(*) from t"), MANY);
  },
);

for (const end of ["close", "shutdown"] as const) {
  test.serial(`${end} ends the calls that wait, and those that are being started`, async (t) => {
    t.timeout(TIMEOUT_MS);
    for (const isStarting of [false, true]) {
      const { client, goOn } = await suspendedClient(t);
      const calls = times(() => client.execute("select 1"));
      if (isStarting) await goOn();
      const began = performance.now();
      await client[end]();
      t.log(`${MANY} calls, ${isStarting}: ${Math.round(performance.now() - began)} ms`);
      await goOn();
      const { resolved, rejected } = await count(calls);
      t.is(resolved + (rejected.get("CLIENT_CLOSED") ?? 0), MANY);
      if (!isStarting) t.is(resolved, 0);
      else t.true(rejected.size === 1, "no call was left when the client was closed");
      await t.throwsAsync(client.execute("select 1"), { code: "CLIENT_CLOSED" });
    }
  });
}

/** What keeps calls waiting: the queue of the client, or that of a lane. */
const waits: Array<[string, (t: ExecutionContext) => Promise<LocalClient>]> = [
  ["for a suspension", async (t) => (await suspendedClient(t)).client],
  [
    "behind a query",
    async (t) => {
      const client = (await temporaryDatabase(t)).open();
      client.execute(endlessQuery).catch(() => undefined);
      return client;
    },
  ],
];

for (const [where, open] of waits) {
  test.serial(
    `calls that wait ${where} are aborted, all by one signal or each by its own`,
    async (t) => {
      t.timeout(TIMEOUT_MS);
      const client = await open(t);
      for (const howMany of [1, MANY]) {
        const controllers = Array.from({ length: howMany }, () => new AbortController());
        const calls = times((i) => {
          const { signal } = controllers[i % howMany] as AbortController;
          return client.execute({ sql: "select 1", signal });
        });
        const began = performance.now();
        // The last one first: a search from the front would be the longest.
        for (const controller of controllers.toReversed()) controller.abort(reason);
        t.log(`${MANY} calls, ${howMany} signals: ${Math.round(performance.now() - began)} ms`);
        t.deepEqual(await count(calls), { resolved: 0, rejected: new Map([[reason, MANY]]) });
      }
    },
  );
}
