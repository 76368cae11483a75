/**
 * The calls of one client take effect in the order in which they are made, awaited or not, wherever each of
 * them runs. Random calls are compared with a model that takes them one after the other.
 */
import test from "ava";
import type { InValue, LibsqlError, LocalClient } from "latchdb";
import { createClient } from "latchdb";
import { temporaryDatabase } from "../support/database.mjs";
import { countTo } from "../support/queries.mjs";
import { randomNumbers } from "../support/random.mjs";

const isThorough = process.env.LATCHDB_ORDER === "all";
const CALLS = isThorough ? 20_000 : 1_500;

/** The rows of the table, by their ids. */
type Model = Map<number, number>;

interface Call {
  make(client: LocalClient): Promise<unknown>;
  /** Changes the model, and returns what the call must give. */
  expect(model: Model): unknown;
}

type Random = (below: number) => number;

function execute(sql: string, args: InValue[], expect: Call["expect"]): Call {
  return {
    make: async (client) => {
      const { rows, rowsAffected } = await client.execute({ sql, args });
      return rows.length > 0 ? Array.from(rows[0] as ArrayLike<unknown>) : rowsAffected;
    },
    expect,
  };
}

const sum = (model: Model): number => [...model.values()].reduce((a, b) => a + b, 0);

const kinds: Array<(random: Random, n: number) => Call> = [
  (random, n) => {
    const a = random(100);
    return execute("insert into t (id, a) values (?, ?)", [n, a], (model) => {
      model.set(n, a);
      return 1;
    });
  },
  (random) => {
    const [id, a] = [random(300), random(100)];
    return execute("update t set a = ? where id = ?", [a, id], (model) => {
      if (!model.has(id)) return 0;
      model.set(id, a);
      return 1;
    });
  },
  (random) => {
    const id = random(300);
    return execute("delete from t where id = ?", [id], (model) => Number(model.delete(id)));
  },
  (random) => {
    const id = random(300);
    return execute("select a from t where id = ?", [id], (model) => {
      const a = model.get(id);
      return a === undefined ? 0 : [a];
    });
  },
  () =>
    execute("select coalesce(sum(a), 0), max(0, coalesce(max(id), 0)) from t", [], (model) => [
      sum(model),
      Math.max(0, ...model.keys()),
    ]),
  () => execute("select count(*) from t", [], (model) => [model.size]),
  (random) => {
    const id = -random(10) - 1;
    const insert = execute("insert into t (id, a) values (?, 0)", [id], (model) => {
      if (model.has(id)) return "SQLITE_CONSTRAINT";
      model.set(id, 0);
      return 1;
    });
    const codeOf = (error: LibsqlError): string => error.code;
    return { ...insert, make: (client) => insert.make(client).catch(codeOf) };
  },
  (_, n) => ({
    make: async (client) => {
      const insert = "insert into t (id, a) values (?, ?)";
      const results = await client.batch([
        { sql: insert, args: [n, 1] },
        "select count(*) from t",
        { sql: "delete from t where id = ?", args: [n] },
      ]);
      return results.map(({ rowsAffected }) => rowsAffected);
    },
    expect: () => [1, 0, 1],
  }),
  () => ({
    make: async (client) => {
      let [count, total] = [0, 0];
      for await (const a of client.iterate<number>({ sql: "select a from t", rowMode: "pluck" })) {
        count += 1;
        total += a;
      }
      return [count, total];
    },
    expect: (model) => [model.size, sum(model)],
  }),
  () => ({
    make: async (client) => {
      await client.executeMultiple("update t set a = a + 1; update t set a = a - 1");
    },
    expect: () => undefined,
  }),
];

/** It takes longer than a read may take on the main lane. */
const longRead = execute(`select (${countTo(50_000)}), count(*) from t`, [], (model) => [
  50_000,
  model.size,
]);

for (const [execution, mode, synchronous] of [
  ["auto", "wal", "normal"],
  ["thread", "wal", "normal"],
  ["auto", "wal", "full"],
  ["auto", "delete", "full"],
] as const) {
  test.serial(`random calls, execution: "${execution}", ${mode}, ${synchronous}`, async (t) => {
    t.timeout(600_000);
    const seed = Date.now() % 2 ** 31;
    t.log(`seed ${seed}`);
    const next = randomNumbers(seed);
    const random: Random = (below) => Math.floor(next() * below);
    const { url } = await temporaryDatabase(t);
    const client = createClient({ url, execution }) as LocalClient;
    t.teardown(() => client.close());
    await client.executeMultiple(
      `pragma journal_mode = ${mode}; pragma synchronous = ${synchronous}; create table t (id integer primary key, a)`,
    );
    const model: Model = new Map();
    const pending: Array<Promise<void>> = [];
    for (let n = 1; n <= CALLS; n++) {
      const kind = kinds[random(kinds.length)] as (typeof kinds)[number];
      const call = n % 50 === 0 ? longRead : kind(random, n);
      const expected = call.expect(model);
      const answer = call.make(client).then((value) => {
        t.deepEqual(value, expected, `call ${n}`);
      });
      pending.push(answer);
      if (random(3) > 0) await answer;
      // Each change of the schema makes SQLite prepare the statements again.
      if (n % 100 === 0) pending.push(client.executeMultiple(`alter table t add column c${n}`));
    }
    await Promise.all(pending);
    const { calls, groupCommits } = client.stats();
    const { inPlace, onThread } = calls;
    t.log(`${inPlace} in place, ${onThread} on a thread, ${groupCommits.calls} in groups`);
    if (execution === "auto") t.true(inPlace > CALLS / 100);
    else t.is(inPlace, 0);
    t.is(groupCommits.calls > 0, synchronous === "full");
  });
}

const COUNT = "select count(*) from t";
const pluckedCount = { sql: COUNT, rowMode: "pluck" } as const;

/** The ways in which a client may look at a table. */
const looks: Array<(client: LocalClient) => Promise<number | undefined>> = [
  (client) => client.get<number>(pluckedCount),
  async (client) => {
    const { rows } = await client.execute(`select count(*), (${countTo(50_000)}) from t`);
    return Number(rows[0]?.[0]);
  },
  async (client) => {
    for await (const count of client.iterate<number>(pluckedCount)) return count;
    return undefined;
  },
  async (client) => {
    const [result] = await client.batch([COUNT], "read");
    return Number(result?.rows[0]?.[0]);
  },
  async (client) => {
    const transaction = await client.transaction("read");
    const count = await transaction.get<number>(pluckedCount);
    await transaction.commit();
    return count;
  },
  async (client) => Number((await client.prepare(COUNT).get())?.[0]),
];

for (const mode of ["wal", "delete"]) {
  test.serial(
    `a call sees what was committed before it, also if nobody awaited that: ${mode}`,
    async (t) => {
      t.timeout(600_000);
      const { url } = await temporaryDatabase(t);
      const client = createClient({ url }) as LocalClient;
      t.teardown(() => client.close());
      await client.executeMultiple(`
        pragma journal_mode = ${mode};
        create table t (a);
        create table u (id integer primary key);
        insert into u values (1);
      `);
      const quick = "select id from u where id = 1";
      for (let i = 0; i < 3; i++) await client.execute(quick);
      for (let n = 1; n <= CALLS / 5; n++) {
        const transaction = await client.transaction("write");
        const calls: Array<Promise<unknown>> = [transaction.execute("insert into t values (1)")];
        if (n % 2 === 0) await calls[0];
        if (n % 20 === 0) {
          // The calls of the transaction take the time of this turn of the event loop: the COMMIT waits for the next.
          for (let i = 0; i < 3; i++) await transaction.execute(quick);
          const { inPlace } = client.stats().calls;
          calls.push(transaction.execute(quick));
          const began = performance.now();
          while (performance.now() - began < 10);
          for (let i = 0; i < 8; i++) calls.push(transaction.execute(quick));
          t.true(client.stats().calls.inPlace > inPlace);
        }
        calls.push(transaction.commit());
        const look = looks[n % looks.length] as (typeof looks)[number];
        t.is(await look(client), n, `${n}: ${look}`);
        await Promise.all(calls);
      }
    },
  );
}

test.serial("with one connection and lanes for reads, too", async (t) => {
  const { url } = await temporaryDatabase(t);
  const client = createClient({ url, concurrency: 1, readers: 2 });
  t.teardown(() => client.close());
  await client.executeMultiple("pragma journal_mode = wal; create table t (a)");
  const longCount = `select count(*), (${countTo(50_000)}) from t`;
  for (let n = 1; n <= 20; n++) {
    const transaction = await client.transaction("write");
    const calls = [transaction.execute("insert into t values (1)"), transaction.commit()];
    t.is((await client.execute(longCount)).rows[0]?.[0], n);
    await Promise.all(calls);
  }
});

test.serial("what commits nothing for the calls behind it holds none of them up", async (t) => {
  const { url } = await temporaryDatabase(t);
  const client = createClient({ url }) as LocalClient;
  t.teardown(() => client.close());
  await client.executeMultiple("pragma journal_mode = wal; create table t (a)");
  const ended: string[] = [];
  const as = async (name: string, call: Promise<unknown>): Promise<void> => {
    await call;
    ended.push(name);
  };
  // A transaction that only reads.
  const reading = await client.transaction("read");
  const long = as("long", reading.execute(`select (${countTo(3_000_000)})`));
  const commit = as("commit", reading.commit());
  await Promise.all([long, commit, as("read", client.execute(COUNT))]);
  t.deepEqual(ended, ["read", "long", "commit"]);
  // The explicit transaction sees nothing of others.
  const other = await client.transaction("deferred");
  await client.execute("begin");
  ended.length = 0;
  const slow = as("slow", other.execute(`select (${countTo(3_000_000)})`));
  const end = as("end", other.commit());
  await Promise.all([slow, end, as("own", client.execute("commit"))]);
  t.deepEqual(ended, ["own", "slow", "end"]);
});
