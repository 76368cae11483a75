/** The traces of calls on the tracing channel `latchdb:query`. */
import { tracingChannel } from "node:diagnostics_channel";
import test from "ava";
import type { ExecutionContext } from "ava";
import type { LatchClient, QueryTrace } from "latchdb";
import { sharedServer, slowSelect } from "../remote/servers.mjs";
import { openClient, openUrl, temporaryDatabase } from "../support/database.mjs";
import { hasServer } from "../support/sqld.mjs";

const shared = sharedServer(test);

/** One event, with what the trace said at that moment. */
type Event = [name: string, trace: QueryTrace];

/** The events while `run` runs. */
async function traced(run: () => Promise<unknown>): Promise<Event[]> {
  const events: Event[] = [];
  const hear = (name: string) => (message: unknown) => {
    events.push([name, { ...(message as QueryTrace) }]);
  };
  const subscribers = {
    start: hear("start"),
    end: hear("end"),
    asyncStart: hear("asyncStart"),
    asyncEnd: hear("asyncEnd"),
    error: hear("error"),
  };
  const channel = tracingChannel("latchdb:query");
  channel.subscribe(subscribers);
  try {
    await run();
  } finally {
    channel.unsubscribe(subscribers);
  }
  return events;
}

/** The trace of the only call that `run` makes, at its end. */
async function onlyTrace(
  t: ExecutionContext,
  run: () => Promise<unknown>,
  fails = false,
): Promise<QueryTrace> {
  const events = await traced(run);
  const names = ["start", "end", ...(fails ? ["error"] : []), "asyncStart", "asyncEnd"];
  t.deepEqual(
    events.map(([name]) => name),
    names,
  );
  const [, trace] = events.at(-1) as Event;
  t.true(trace.queuedMs >= 0 && trace.runMs >= 0, JSON.stringify(trace));
  return trace;
}

const insert = { sql: "insert into t (b) values (?)", args: ["geheim"] };

test.serial("each kind of call is one trace", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a integer primary key, b)");
  const of = (method: QueryTrace["method"], sql: string, rows: number): Partial<QueryTrace> => ({
    method,
    sql,
    path: file,
    transaction: false,
    rows,
    error: undefined,
  });
  t.like(await onlyTrace(t, () => client.execute(insert)), of("execute", insert.sql, 0));
  t.like(
    await onlyTrace(t, () => client.execute("select ? as a", [1])),
    of("execute", "select ? as a", 1),
  );
  const batch = await onlyTrace(t, () => client.batch([insert, ["select ?", [1]], "select 2"]));
  t.like(batch, of("batch", `${insert.sql};\nselect ?;\nselect 2`, 2));
  t.like(await onlyTrace(t, () => client.migrate([insert])), of("migrate", insert.sql, 0));
  const script = "select 1; select 2";
  t.like(
    await onlyTrace(t, () => client.executeMultiple(script)),
    of("executeMultiple", script, 0),
  );
  const transaction = await client.transaction();
  for (const call of [
    () => transaction.execute("select 1"),
    () => transaction.batch(["select 1"]),
    () => transaction.executeMultiple("select 1"),
    () => transaction.iterate("select 1").next(),
  ]) {
    const { sql, transaction: isOfTransaction, lane } = await onlyTrace(t, call);
    t.deepEqual([sql, isOfTransaction], ["select 1", true]);
    t.regex(lane ?? "", /^(in place|transaction)$/);
  }
  await transaction.commit();
});

test.serial("no argument is in a trace", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a integer primary key, b unique)");
  const events = await traced(async () => {
    await client.batch([insert]);
    await t.throwsAsync(client.batch([insert]));
    await t.throwsAsync(client.execute(insert));
    for await (const _ of client.iterate({ sql: "select ?", args: ["geheim"] }));
  });
  for (const [, { error, ...trace }] of events) {
    const said = JSON.stringify(trace) + String((error as Error | undefined)?.message);
    t.false(said.includes("geheim"), said);
  }
});

test.serial("a trace tells where and how long a call has run", async (t) => {
  const client = await openClient(t);
  const long =
    "with recursive c (n) as (select 1 union all select n + 1 from c where n < 100000) select sum(n) from c";
  const events = await traced(async () => {
    for (let i = 0; i < 10; i++) await client.execute("select 1");
    await Promise.all([client.batch([long]), client.batch(["select 2"])]);
  });
  const ends = events.filter(([name]) => name === "asyncEnd").map(([, trace]) => trace);
  t.is(ends[9]?.lane, "in place");
  const [first, second] = ends.slice(10);
  t.deepEqual([first?.lane, second?.lane], ["main", "main"]);
  t.true((first?.runMs ?? 0) > 0);
  // It has waited for the first one.
  t.true((second?.queuedMs ?? 0) > (first?.runMs ?? 0) / 10, JSON.stringify([first, second]));
});

test.serial("a call that never runs has no lane", async (t) => {
  const client = await openClient(t);
  const wrong = await onlyTrace(t, () => t.throwsAsync(client.execute("select ?", [NaN])), true);
  t.deepEqual([wrong.lane, wrong.runMs], [undefined, 0]);
  client.close();
  const closed = await onlyTrace(t, () => t.throwsAsync(client.execute("select 1")), true);
  t.is(closed.lane, undefined);
  t.is((closed.error as { code?: string }).code, "CLIENT_CLOSED");
});

test.serial("the error is the one that the call rejects with, and names the caller", async (t) => {
  const client = await openClient(t);
  async function callerOfMine(): Promise<void> {
    await client.execute("selec 1");
  }
  let thrown: Error | undefined;
  const run = async (): Promise<void> => void (thrown = await t.throwsAsync(callerOfMine()));
  const { error } = await onlyTrace(t, run, true);
  t.is(error, thrown);
  t.regex(thrown?.stack ?? "", /callerOfMine/);
});

test.serial("an iterator is one trace, to its end or to that of its consumer", async (t) => {
  const client = await openClient(t);
  const numbers =
    "with recursive c (n) as (select 1 union all select n + 1 from c where n < 1000) select n from c";
  await client.execute(`create table t as ${numbers}`);
  const all = async (): Promise<void> => {
    for await (const _ of client.iterate("select n from t", { chunk: 100 }));
  };
  t.like(await onlyTrace(t, all), { method: "iterate", rows: 1000, error: undefined });
  // What is fetched ahead when the consumer ends it does not come to an end by itself.
  const endless =
    "with recursive c (n) as (select 1 union all select n + 1 from c) select n from c where n <= 20 or n < 0";
  const some = async (): Promise<void> => {
    for await (const { n } of client.iterate(endless, { chunk: 20 })) if (n === 5) break;
  };
  t.like(await onlyTrace(t, some), { method: "iterate", rows: 20, error: undefined });
  const wrong = (): Promise<unknown> => t.throwsAsync(client.iterate("selec 1").next());
  t.like(await onlyTrace(t, wrong, true), { method: "iterate", sql: "selec 1", rows: 0 });
  // A statement that writes has no cursor: it runs as a whole.
  const writes = `insert into t select sum(n) from (${numbers.replace("1000", "200000")}) returning n`;
  const began = performance.now();
  const { lane, rows, runMs } = await onlyTrace(t, () => client.iterate(writes).next());
  t.deepEqual([lane, rows], ["main", 1]);
  t.true(runMs > (performance.now() - began) / 10, `${runMs} ms`);
  t.deepEqual(
    await traced(() => client.iterate("select 1").return?.() ?? Promise.resolve()),
    [],
    "what never begins is no trace",
  );
});

/** What the traces that ended meanwhile say, in the order of their ends. */
async function endedTraces(run: () => Promise<unknown>): Promise<QueryTrace[]> {
  const events = await traced(run);
  return events.filter(([name]) => name === "asyncEnd").map(([, trace]) => trace);
}

const stepsOf = (traces: QueryTrace[]): string[] =>
  traces.map(({ method, sql, lane }) => `${method} ${sql} ${lane}`);

test.serial("a transaction is traced from its BEGIN to its end", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a integer primary key, b unique)");
  const traces = await endedTraces(async () => {
    await client.transaction(async (tx) => {
      await tx.execute(insert);
      await tx.transaction(async (inner) => {
        for await (const _ of inner.iterate("select a from t"));
      });
    });
    const byHand = await client.transaction("read");
    await byHand.execute("select 1");
    await byHand.rollback();
    await byHand.rollback();
  });
  t.deepEqual(
    stepsOf(traces).map((step) => step.replace("in place", "transaction")),
    [
      "begin BEGIN IMMEDIATE transaction",
      `execute ${insert.sql} transaction`,
      "execute SAVEPOINT latchdb_1 transaction",
      "iterate select a from t transaction",
      "execute RELEASE latchdb_1 transaction",
      "commit COMMIT transaction",
      "begin BEGIN TRANSACTION READONLY transaction",
      "execute select 1 transaction",
      "rollback ROLLBACK transaction",
    ],
  );
  for (const trace of traces) t.like(trace, { path: file, transaction: true, error: undefined });
  // A COMMIT that fails, and a transaction that is refused.
  await client.execute("create table child (a references t (a) deferrable initially deferred)");
  const failing = await client.transaction();
  await failing.execute("pragma foreign_keys = on");
  await failing.execute("insert into child values (77)");
  let thrown: Error | undefined;
  const commit = async (): Promise<void> => void (thrown = await t.throwsAsync(failing.commit()));
  const { error } = await onlyTrace(t, commit, true);
  t.deepEqual(
    [(error as Error).message, (error as { code?: string }).code],
    [thrown?.message, "SQLITE_CONSTRAINT"],
  );
  client.close();
  const refused = (): Promise<unknown> => t.throwsAsync(client.transaction());
  t.deepEqual(await traced(refused), [], "what is refused at once never began");
});

test.serial(
  "a statement that is not one, and a batch that throws, are traced without arguments",
  async (t) => {
    const client = await openClient(t);
    const wrong = ["select ?", ["geheim"]] as unknown as string;
    for (const call of [() => client.execute(wrong), () => client.get(wrong)]) {
      t.is((await onlyTrace(t, () => t.throwsAsync(call()), true)).sql, "");
    }
    const batch: string[] = [];
    Object.defineProperty(batch, 0, {
      get() {
        throw new Error("getter");
      },
    });
    t.is((await onlyTrace(t, () => t.throwsAsync(client.batch(batch)), true)).sql, "");
  },
);

test.serial("what comes after the end of a trace is not in it", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a integer primary key, b)");
  const ended: Array<[QueryTrace, QueryTrace]> = [];
  const hear = (message: unknown): void => {
    ended.push([message as QueryTrace, { ...(message as QueryTrace) }]);
  };
  const channel = tracingChannel("latchdb:query");
  channel.asyncEnd.subscribe(hear);
  t.teardown(() => channel.asyncEnd.unsubscribe(hear));
  const fails = function* (): Generator<[string]> {
    for (let i = 0; i < 30_000; i++) yield ["x".repeat(50)];
    throw new Error("source");
  };
  await t.throwsAsync(client.prepare(insert.sql).executeMany(fails()), { message: "source" });
  const endless =
    "with recursive c (n) as (select 1 union all select n + 1 from c) select n from c";
  const rows = client.iterate(endless);
  await rows.next();
  await rows.return?.();
  await client.execute("select 1");
  for (const [trace, atItsEnd] of ended) t.deepEqual(trace, atItsEnd);
  t.true(ended.length > 3);
});

test.serial("the time of a source is no wait", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a integer primary key, b)");
  async function* slow(): AsyncGenerator<[number]> {
    await new Promise((resolve) => void setTimeout(resolve, 300));
    yield [1];
  }
  const traces = await endedTraces(() => client.prepare(insert.sql).executeMany(slow()));
  const many = traces.find(({ method }) => method === "executeMany");
  t.true((many?.queuedMs ?? 300) < 200, `${many?.queuedMs} ms`);
});

test.serial("executeMany is one trace, whose times are those of its portions", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a integer primary key, b)");
  const statement = client.prepare(insert.sql);
  const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  async function* lists(): AsyncGenerator<[string]> {
    for (let i = 0; i < 20_000; i++) {
      if (i % 1000 === 0) await pause();
      yield ["geheim"];
    }
  }
  const traces = await endedTraces(() => statement.executeMany(lists()));
  t.deepEqual(
    traces.map(({ method, sql }) => `${method} ${sql}`),
    ["begin BEGIN IMMEDIATE", `executeMany ${insert.sql}`, "commit COMMIT"],
  );
  const [, many] = traces;
  t.like(many, { lane: "transaction", transaction: true, rows: 0, error: undefined });
  // The last portion alone takes less.
  const [, few] = await endedTraces(() => statement.executeMany([["one"]]));
  t.true((many?.runMs ?? 0) > (few?.runMs ?? 0), `${many?.runMs} ms, ${few?.runMs} ms`);
  const wrong = await endedTraces(() => t.throwsAsync(statement.executeMany([[{} as never]])));
  t.deepEqual(
    stepsOf(wrong).map((step) => step.split(" ")[0]),
    ["begin", "executeMany", "rollback"],
  );
  t.is((wrong[1]?.error as { code?: string } | undefined)?.code, "ARGUMENT_NOT_SUPPORTED");
});

test.serial("calls that wait, and long batches, have traces of their own", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a integer primary key, b)");
  const long = Array.from({ length: 3000 }, () => insert);
  const events = await traced(() =>
    Promise.all([client.batch(long), client.execute("select 1"), client.execute("select 2")]),
  );
  const ends = events.filter(([name]) => name === "asyncEnd").map(([, trace]) => trace);
  t.deepEqual(ends.map(({ sql }) => sql.slice(0, 8)).sort(), ["insert i", "select 1", "select 2"]);
  for (const { lane, queuedMs, sql } of ends) {
    t.truthy(lane, sql.slice(0, 8));
    if (sql.startsWith("select")) t.true(queuedMs > 0);
  }
});

test.serial("code of an argument that makes a call has a trace of its own", async (t) => {
  const client = await openClient(t);
  let inner: Promise<unknown> | undefined;
  const outer = {
    sql: "select :a",
    args: {
      get a() {
        inner = client.execute("select 'inner'");
        return 1;
      },
    },
  };
  const events = await traced(async () => {
    await client.execute(outer);
    await inner;
  });
  const ends = events.filter(([name]) => name === "asyncEnd").map(([, trace]) => trace);
  t.deepEqual(ends.map(({ sql }) => sql).sort(), ["select 'inner'", "select :a"]);
  for (const { lane } of ends) t.truthy(lane);
});

test.serial("the methods are the class's own, with their names", async (t) => {
  const client = await openClient(t);
  const transaction = await client.transaction();
  for (const of of [client, transaction]) {
    const { prototype } = of.constructor as {
      prototype: Record<string, (...args: unknown[]) => unknown>;
    };
    t.deepEqual([prototype["execute"]?.name, prototype["execute"]?.length], ["execute", 2]);
    t.false(Object.keys(prototype).includes("execute"));
  }
  transaction.close();
});

test.serial("a database in memory has SQLite's name of it as its path", async (t) => {
  const client = openUrl(t, ":memory:");
  t.is((await onlyTrace(t, () => client.execute("select 1"))).path, "file::memory:");
});

for (const protocol of ["http", "ws"] as const) {
  test.serial(`${protocol}: calls on a server are traced, without the token`, async (t) => {
    if (!hasServer(t)) return;
    const client: LatchClient = shared.open(t, protocol, { authToken: "geheim" });
    const of = { path: new URL(shared.url(protocol)).href, lane: "server", transaction: false };
    t.like(await onlyTrace(t, () => client.execute("select 1")), {
      ...of,
      rows: 1,
      method: "execute",
    });
    t.like(await onlyTrace(t, () => client.batch(["select 1", "select 2"])), { ...of, rows: 2 });
    t.like(await onlyTrace(t, () => client.executeMultiple("select 1")), of);
    const all = async (): Promise<void> => {
      for await (const _ of client.iterate("select 1"));
    };
    t.like(await onlyTrace(t, all), { ...of, rows: 1, method: "iterate" });
    const wrong = await onlyTrace(t, () => t.throwsAsync(client.execute("selec 1")), true);
    t.true(wrong.runMs > 0);
    const transaction = await client.transaction();
    t.like(await onlyTrace(t, () => transaction.execute("select 1")), { ...of, transaction: true });
    t.like(await onlyTrace(t, () => transaction.batch(["select 1"])), { ...of, transaction: true });
    t.like(await onlyTrace(t, () => transaction.iterate("select 1").next()), {
      ...of,
      method: "iterate",
      transaction: true,
      rows: 1,
    });
    const events = await traced(() => transaction.execute("select 2"));
    t.false(JSON.stringify(events).includes("geheim"));
    transaction.close();
    const steps = await endedTraces(async () => {
      await client.transaction((tx) => tx.prepare("select ?").executeMany([[1], [2]]));
    });
    t.deepEqual(stepsOf(steps), [
      "begin BEGIN IMMEDIATE server",
      "execute SAVEPOINT latchdb_1 server",
      "executeMany select ? server",
      "execute RELEASE latchdb_1 server",
      "commit COMMIT server",
    ]);
  });

  test.serial(`${protocol}: a call of a transaction waits for the earlier ones`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const transaction = await client.transaction("read");
    await transaction.execute("select 1");
    const traces = await endedTraces(() =>
      Promise.all([transaction.execute(slowSelect), transaction.get("select 2")]),
    );
    await transaction.rollback();
    const [slow, behind] = traces;
    t.deepEqual(stepsOf(traces), [`execute ${slowSelect} server`, "execute select 2 server"]);
    t.true((slow?.runMs ?? 0) > 10 * (slow?.queuedMs ?? Infinity), JSON.stringify(slow));
    t.true((behind?.queuedMs ?? 0) > (slow?.runMs ?? Infinity) / 2, JSON.stringify(behind));
    t.true((behind?.runMs ?? Infinity) < (slow?.runMs ?? 0) / 2, JSON.stringify(behind));
  });

  test.serial(
    `${protocol}: the parts of an iterator have run for their time together`,
    async (t) => {
      if (!hasServer(t)) return;
      const client = shared.open(t, protocol);
      const sql =
        "with recursive c (n) as (select 1 union all select n + 1 from c where n < 4000000) select n from c where n in (1, 4000000)";
      const [trace] = await endedTraces(async () => {
        const rows = client.iterate(sql, { chunk: 1 });
        await rows.next();
        // What is fetched ahead runs meanwhile.
        await rows.next();
        await rows.next();
      });
      t.like(trace, { rows: 2, lane: "server" });
      const [alone] = await endedTraces(() => client.execute(sql));
      t.true(
        (trace?.runMs ?? 0) > (alone?.runMs ?? 0) / 5,
        `${trace?.runMs} ms, ${alone?.runMs} ms`,
      );
    },
  );
}
