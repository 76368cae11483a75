import { setTimeout as wait } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import type { LocalClient, RowIterator } from "latchdb";
import { openClient, openUrl, selectValue, temporaryDatabase } from "../support/database.mjs";
import { journalModes } from "../support/queries.mjs";

// Rows as they come: iterate().

const ROWS = 20_000;
const SUM = (ROWS * (ROWS + 1)) / 2;

async function fill(client: LocalClient, rows = ROWS): Promise<void> {
  await client.executeMultiple(
    `create table t (id integer primary key, a text);
     with recursive n (i) as (select 1 union all select i + 1 from n limit ${rows}) insert into t select i, 'row ' || i from n`,
  );
}

async function sumOf(rows: AsyncIterable<{ id: number }>): Promise<number> {
  let sum = 0;
  for await (const { id } of rows) sum += id;
  return sum;
}

type Id = { id: number };

/** Each kind of database, and how many connections it has. */
const kinds: Record<string, (t: ExecutionContext) => Promise<LocalClient>> = {
  async "a file in WAL mode"(t) {
    const client = await openClient(t);
    await client.execute("pragma journal_mode = wal");
    return client;
  },
  "a file with a rollback journal": async (t) => await openClient(t),
  "a file with one connection": async (t) => await openClient(t, { concurrency: 1 }),
  memory: async (t) => openUrl(t, ":memory:"),
  async "a pinned client"(t) {
    const client = await openClient(t);
    await client.execute("create temp table own (x)");
    return client;
  },
};

for (const [kind, open] of Object.entries(kinds)) {
  test(`${kind}: all rows come, in their order, beside other calls`, async (t) => {
    const client = await open(t);
    await fill(client);
    let last = 0;
    for await (const row of client.iterate<Id>("select id, a from t order by id")) {
      t.is(row.id, last + 1);
      last = row.id;
      if (row.id % 5000 === 1) {
        t.is(await selectValue(client, "select count(*) from t"), ROWS);
      }
    }
    t.is(last, ROWS);
    t.is(client.stats().transactions.open, 0);
    t.is(await sumOf(client.iterate<Id>({ sql: "select * from t where id > ?", args: [ROWS] })), 0);
  });

  test(`${kind}: what ends a loop early frees the connection`, async (t) => {
    const client = await open(t);
    await fill(client);
    for await (const row of client.iterate<Id>("select * from t")) if (row.id === 3) break;
    const iterator = client.iterate<Id>("select * from t");
    t.is((await iterator.next()).value?.id, 1);
    t.deepEqual(await iterator.return(), { done: true, value: undefined });
    t.deepEqual(await iterator.next(), { done: true, value: undefined });
    const thrown = new Error("enough");
    await t.throwsAsync(client.iterate("select * from t").throw(thrown), { is: thrown });
    await t.throwsAsync(
      async () => {
        for await (const _ of client.iterate("select * from t")) throw thrown;
      },
      { is: thrown },
    );
    t.is(client.stats().transactions.open, 0);
    // Nothing is open any more.
    await client.execute("vacuum");
    await client.execute("drop table t");
  });

  test(`${kind}: close() ends it`, async (t) => {
    const client = await open(t);
    await fill(client);
    const iterator = client.iterate<Id>("select * from t");
    const chunks = client.iterate<Id>("select * from t").chunks();
    await iterator.next();
    await chunks.next();
    client.close();
    for (const ended of [iterator, chunks, client.iterate("select 1")]) {
      await t.throwsAsync(ended.next(), { code: "CLIENT_CLOSED" });
    }
    t.deepEqual(await iterator.next(), { done: true, value: undefined });
  });

  test(`${kind}: a signal ends it`, async (t) => {
    const client = await open(t);
    await fill(client);
    for (const rows of [1, 15_000]) {
      const controller = new AbortController();
      const reason = new Error(`after ${rows}`);
      const iterator = client.iterate<Id>({ sql: "select * from t", signal: controller.signal });
      for (let i = 0; i < rows; i++) await iterator.next();
      controller.abort(reason);
      await t.throwsAsync(iterator.next(), { is: reason });
    }
    // Also a statement that computes its first row.
    const endless =
      "with recursive n (i) as (select 1 union all select i + 1 from n) select i from n where i < 0";
    const signal = AbortSignal.timeout(20);
    await t.throwsAsync(client.iterate({ sql: endless, signal }).next(), { any: true });
    t.is(await sumOf(client.iterate<Id>("select * from t")), SUM);
  });

  test(`${kind}: a write in the loop is done`, async (t) => {
    const client = await open(t);
    await fill(client);
    await client.execute("create table log (id)");
    let last = 0;
    for await (const { id } of client.iterate<Id>("select id from t")) {
      last = id;
      if (id % 4000 === 0) await client.execute({ sql: "insert into log values (?)", args: [id] });
      if (id % 7000 === 0) await client.batch(["insert into log values (0)"], "write");
    }
    t.is(last, ROWS);
    t.is(await selectValue(client, "select count(*) from log"), 5 + 2);
  });
}

test("a shared cache: rows come, and the tables of an open iterator are not written", async (t) => {
  const [client, other] = [
    openUrl(t, "file::memory:?cache=shared"),
    openUrl(t, "file::memory:?cache=shared"),
  ];
  await fill(client);
  const iterator = other.iterate<Id>("select * from t");
  await iterator.next();
  await t.throwsAsync(client.execute("delete from t"), { message: /locked/ });
  t.is(await sumOf(iterator), SUM - 1);
  await client.execute("drop table t");
});

test("a file: the statement reads in its snapshot", async (t) => {
  for (const mode of journalModes) {
    const client = await openClient(t);
    await client.execute(`pragma journal_mode = ${mode}`);
    await fill(client);
    const iterator = client.iterate<Id>("select * from t");
    await iterator.next();
    await client.execute("delete from t");
    t.is(await sumOf(iterator), SUM - 1, mode);
    t.is(await sumOf(client.iterate<Id>("select * from t")), 0);
  }
});

test("a rollback journal: what does not fit into memory keeps a commit out until the loop goes on", async (t) => {
  const client = await openClient(t, { timeout: 100 });
  await client.executeMultiple(
    `create table b (id integer primary key, content blob); create table log (x);
     with recursive n (i) as (select 1 union all select i + 1 from n limit 200)
     insert into b select i, zeroblob(1000000) from n`,
  );
  const iterator = client.iterate<Id>("select id, content from b");
  await iterator.next();
  await t.throwsAsync(client.execute("insert into log values (1)"), { code: "SQLITE_BUSY" });
  t.is(await sumOf(iterator), 199 * 100 + 199);
  await client.execute("insert into log values (1)");
});

for (const mode of ["read", "deferred", "write"] as const) {
  test(`in a transaction of mode ${mode}: it sees what that has written, and ends with it`, async (t) => {
    const client = await openClient(t);
    await fill(client);
    const transaction = await client.transaction(mode);
    if (mode !== "read") await transaction.execute("insert into t values (0, 'new'), (-1, 'new')");
    const expected = mode === "read" ? SUM : SUM - 1;
    t.is(await sumOf(transaction.iterate<Id>("select * from t")), expected);
    const iterators: RowIterator<Id>[] = [];
    for (let i = 0; i < 3; i++) {
      const iterator = transaction.iterate<Id>("select * from t");
      await iterator.next();
      iterators.push(iterator);
    }
    t.is(
      await selectValue(transaction, "select count(*) from t"),
      mode === "read" ? ROWS : ROWS + 2,
    );
    const ends = { read: "rollback", deferred: "commit", write: "close" } as const;
    await transaction[ends[mode]]();
    for (const iterator of [...iterators, transaction.iterate("select 1")]) {
      await t.throwsAsync(iterator.next(), { code: "TRANSACTION_CLOSED" });
    }
    await client.execute("drop table t");
  });
}

test("in a transaction inside of another one: it ends with that", async (t) => {
  const client = await openClient(t);
  await fill(client);
  await client.transaction(async (outer) => {
    const kept = outer.iterate<Id>("select * from t");
    await kept.next();
    const escaped = await outer.transaction(async (inner) => {
      await inner.execute("insert into t values (0, 'new')");
      t.is(await sumOf(inner.iterate<Id>("select * from t")), SUM);
      const iterator = inner.iterate<Id>("select * from t");
      t.is((await iterator.next()).value?.id, 0);
      return iterator;
    });
    await t.throwsAsync(escaped.next(), { code: "TRANSACTION_CLOSED" });
    await t.throwsAsync(
      outer.transaction(async (inner) => {
        await inner.execute("delete from t");
        throw new Error("undone");
      }),
      { message: "undone" },
    );
    t.is(await sumOf(outer.iterate<Id>("select * from t")), SUM);
    await kept.return();
  });
});

test("an abort of one cursor of a transaction leaves the others, and the transaction", async (t) => {
  const client = await openClient(t);
  await fill(client);
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (0, 'new')");
  const controller = new AbortController();
  const sql = "select * from t";
  const [first, second] = [
    transaction.iterate<Id>({ sql, signal: controller.signal }),
    transaction.iterate<Id>(sql),
  ];
  await first.next();
  await second.next();
  const endless =
    "with recursive n (i) as (select 1 union all select i + 1 from n) select max(i) from n";
  const signal = AbortSignal.timeout(20);
  await t.throwsAsync(transaction.execute({ sql: endless, signal }), { any: true });
  controller.abort();
  await t.throwsAsync(first.next(), { any: true });
  t.is(await sumOf(second), SUM);
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from t"), ROWS + 1);
});

test("in the client's own BEGIN it runs there, and ends with COMMIT", async (t) => {
  const client = await openClient(t);
  await fill(client);
  await client.execute("begin");
  await client.execute("insert into t values (0, 'new')");
  const iterator = client.iterate<Id>("select * from t");
  t.is((await iterator.next()).value?.id, 0);
  await client.execute("commit");
  await t.throwsAsync(async () => await sumOf(iterator), { code: "CURSOR_CLOSED" });
});

test("what the calls before it do decides where it runs", async (t) => {
  for (const mode of journalModes) {
    const client = await openClient(t);
    await client.execute(`pragma journal_mode = ${mode}`);
    await fill(client);
    // COMMIT has run before the iterator begins: it has a connection of its own.
    const ended = ["begin", "commit"].map((sql) => client.execute(sql));
    const apart = client.iterate<Id>("select * from t");
    t.is((await apart.next()).value?.id, 1);
    await Promise.all(ended);
    t.is(client.stats().transactions.open, 1);
    const transaction = await client.transaction("write");
    await transaction.execute("insert into t values (-1, 'new')");
    await transaction.commit();
    t.is(await selectValue(client, "select count(*) from t"), ROWS + 1, mode);
    await client.execute("insert into t values (-2, 'new')");
    t.is(await sumOf(apart), SUM - 1);
    // The client is pinned before it begins: it holds up no other call.
    const pinned = client.execute("create temp table own (x)");
    const shared = client.iterate<Id>("select * from t where id > 0");
    t.is((await shared.next()).value?.id, 1);
    await pinned;
    t.is(client.stats().transactions.open, 0);
    t.is(await selectValue(client, "select count(*) from t"), ROWS + 2);
    t.is(await sumOf(shared), SUM - 1);
  }
});

test("a statement that writes, a PRAGMA and an EXPLAIN have rows, too", async (t) => {
  const client = await openClient(t);
  const rows = async (sql: string): Promise<unknown[]> => {
    const found = [];
    for await (const row of client.iterate(sql)) found.push(row[0]);
    return found;
  };
  t.deepEqual(await rows("create table t (id integer primary key)"), []);
  t.deepEqual(await rows("insert into t values (1), (2), (3) returning id"), [1, 2, 3]);
  t.deepEqual(await rows("alter table t alter column id to id integer primary key not null"), []);
  t.deepEqual(await rows("pragma user_version = 7"), []);
  t.deepEqual(await rows("pragma user_version"), [7]);
  t.true((await rows("explain query plan select * from t")).length > 0);
  t.deepEqual(await rows("values (1), (2)"), [1, 2]);
  // The text after the first statement is ignored, as by execute().
  t.deepEqual(await rows("select id from t; drop table t"), [1, 2, 3]);
  for await (const _ of client.iterate("insert into t values (4), (5) returning id")) break;
  t.is(await selectValue(client, "select count(*) from t"), 5);
});

test("errors come from next(), and name the caller", async (t) => {
  const client = await openClient(t);
  async function caller(): Promise<void> {
    await client.iterate("select * from nowhere").next();
  }
  const error = await t.throwsAsync(caller, { message: /no such table: nowhere/ });
  t.regex(error?.stack ?? "", /caller/);
  t.throws(() => client.iterate("select 1", { chunk: 0 }), { instanceOf: RangeError });
  t.throws(() => client.iterate("select 1", { chunk: "1" as never }), { instanceOf: TypeError });
  t.throws(() => client.iterate(7 as never), { instanceOf: TypeError });
  // One in the middle of the rows.
  const sql =
    "with recursive n (i) as (select 1 union all select i + 1 from n limit 9) select abs(iif(i < 5, i, -9223372036854775808)) as id from n";
  const seen: number[] = [];
  await t.throwsAsync(
    async () => {
      for await (const { id } of client.iterate<Id>(sql, { chunk: 1 })) seen.push(id);
    },
    { message: /integer overflow/ },
  );
  t.deepEqual(seen, [1, 2, 3, 4]);
  t.is(client.stats().transactions.open, 0);
});

test("an abort ends an iterator whose last rows have come already", async (t) => {
  const { open } = await temporaryDatabase(t);
  const controller = new AbortController();
  const sql =
    "with recursive c (n) as (select 1 union all select n + 1 from c where n < 10) select n from c";
  const rows = open().iterate({ sql, signal: controller.signal });
  await rows.next();
  const reason = new Error("mine");
  controller.abort(reason);
  t.is(await t.throwsAsync(rows.next()), reason);
  t.deepEqual(await rows.next(), { done: true, value: undefined });
});

test("chunks have at most as many rows as was asked for", async (t) => {
  const client = await openClient(t);
  await fill(client, 1000);
  let all: number[] = [];
  for await (const rows of client.iterate<Id>("select * from t", { chunk: 64 }).chunks()) {
    t.true(rows.length > 0 && rows.length <= 64);
    all = all.concat(rows.map(({ id }) => id));
  }
  t.deepEqual(
    all,
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
});

test("calls of next() that are made at once get the rows in their order", async (t) => {
  const client = await openClient(t);
  await fill(client, 5000);
  const iterator = client.iterate<Id>("select * from t", { chunk: 700 });
  const rows = await Promise.all(Array.from({ length: 5001 }, () => iterator.next()));
  t.true(rows.slice(0, -1).every(({ value }, i) => value?.id === i + 1));
  t.is(rows.at(-1)?.done, true);
});

test("values of any kind and length come, with the arguments of the time of the call", async (t) => {
  const client = await openClient(t);
  const args = [new Uint8Array([1, 2]), "ä€😀", null, 1.5];
  const long = "x".repeat(3_000_000);
  const iterator = client.iterate({
    sql: "select ?1 as a, ?2 as b, ?3 as c, ?4 as d, ?5 as e union all select 1, 2, 3, 4, zeroblob(2000000)",
    args: [...args, long],
  });
  args.fill("changed");
  const { value } = await iterator.next();
  t.deepEqual(
    Array.from({ length: 5 }, (_, i) => value?.[i]),
    [new Uint8Array([1, 2]).buffer, "ä€😀", null, 1.5, long],
  );
  const second = await iterator.next();
  t.deepEqual(second.value?.["e"], new ArrayBuffer(2_000_000));
  t.true((await iterator.next()).done);
});

test("rows are objects in a client of rowMode object, and integers as intMode says", async (t) => {
  const { open } = await temporaryDatabase(t);
  const client = open({ rowMode: "object", intMode: "bigint" });
  for await (const row of client.iterate("select 1 as a")) t.deepEqual(row, { a: 1n });
});

test("a consumer that rests keeps no writer waiting, nor a swap of the database", async (t) => {
  const client = await openClient(t);
  await client.execute("pragma journal_mode = wal");
  await fill(client);
  const iterator = client.iterate<Id>("select * from t");
  await iterator.next();
  for (let i = 0; i < 200; i++) await client.execute("insert into t (a) values ('more')");
  const replaced = client.replaceDatabase({
    build: async (next) => void (await next.execute("create table other (x)")),
    timeoutMs: 20_000,
  });
  await wait(50);
  t.is(await sumOf(iterator), SUM - 1);
  await replaced;
  t.is(await selectValue(client, "select count(*) from other"), 0);
});

test("next() that waits while return() is called resolves", async (t) => {
  const client = await openClient(t);
  await fill(client);
  const endless =
    "with recursive n (i) as (select 1 union all select i + 1 from n) select max(i) from n";
  for (const sql of ["select * from t", endless]) {
    const iterator = client.iterate(sql);
    const waiting = [iterator.next(), iterator.next()];
    const ended = { done: true, value: undefined };
    await iterator.return();
    t.deepEqual(await Promise.all(waiting), [ended, ended]);
  }
});

test("a call that is refused leaves no cursor open", async (t) => {
  for (const open of [kinds["memory"], kinds["a file with one connection"]]) {
    const client = await open!(t);
    await fill(client);
    const [left, refused] = [1, 2].map(() => client.iterate<Id>("select * from t", { chunk: 1 }));
    for (let i = 0; i < 2; i++) await left!.next();
    await refused!.next();
    const transaction = await client.transaction("write");
    await left!.return();
    await t.throwsAsync(async () => await sumOf(refused!), {
      code: "TRANSACTION_ACTIVE",
    });
    await transaction.rollback();
    // Its table could not be dropped.
    await client.execute("drop table t");
  }
  const client = openUrl(t, ":memory:", { maxQueue: 1 });
  await fill(client);
  const iterator = client.iterate("select * from t");
  await iterator.next();
  // The rows that are fetched ahead come.
  while (client.stats().pending.running > 0) await wait(1);
  const slow = client.execute(
    "with recursive n (i) as (select 1 union all select i + 1 from n limit 300000) select max(i) from n",
  );
  await iterator.return();
  await slow;
  await client.execute("drop table t");
});

test("a rollback journal: a cursor that reads on for a commit still answers, and ends at once", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("create table t (id integer primary key); create table log (x)");
  await client.execute(
    "with recursive n (i) as (select 1 union all select i + 1 from n limit 3000) insert into t select i from n",
  );
  // Its last row never comes.
  const sql =
    "select id, (with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000 or t.id = 3000) select max(i) from n where i > t.id) as slow from t";
  const ends: ((iterator: RowIterator<Id>, controller: AbortController) => Promise<unknown>)[] = [
    (iterator) => iterator.return(),
    async (iterator, controller) => {
      controller.abort();
      await t.throwsAsync(iterator.next(), { any: true, name: "AbortError" });
    },
  ];
  for (const end of ends) {
    const controller = new AbortController();
    const iterator = client.iterate<Id>({ sql, signal: controller.signal }, { chunk: 1 });
    t.is((await iterator.next()).value?.id, 1);
    const write = client.execute("insert into log values (1)");
    for (let id = 2; id <= 20; id++) t.is((await iterator.next()).value?.id, id);
    await end(iterator, controller);
    await write;
  }
  t.is(client.stats().transactions.open, 0);
});

test("a rollback journal: what needs the file alone does not wait for a cursor", async (t) => {
  const client = await openClient(t);
  await fill(client);
  const iterator = client.iterate<Id>("select * from t");
  await iterator.next();
  await client.execute("vacuum");
  t.is(await sumOf(iterator), SUM - 1);
});

test("an iterator that nobody can reach any more is ended", async (t) => {
  if (globalThis.gc === undefined) {
    t.log("Skipped: needs --expose-gc");
    return t.pass();
  }
  const client = await openClient(t);
  await fill(client);
  await (async () => void (await client.iterate("select * from t").next()))();
  for (let i = 0; i < 100 && client.stats().transactions.open > 0; i++) {
    globalThis.gc();
    await wait(10);
  }
  t.is(client.stats().transactions.open, 0);
});
