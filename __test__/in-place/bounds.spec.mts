/**
 * Calls that run on the thread of JavaScript: which do, and that none of them holds the event loop. The
 * statements of the second half have run there before they become slow.
 */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import type { InValue, LocalClient, LatchConfig, LatchTransaction } from "latchdb";
import { createClient } from "latchdb";
import { selectValue, temporaryDatabase } from "../support/database.mjs";
import { longestGaps } from "../support/event-loop-gap.mjs";
import { lockElsewhere } from "../support/processes.mjs";

const GAP_LIMIT_MS = 20;
/** LATCHDB_ROWS: the size to which a table grows (`npm run test:held`: 10,000,000). */
const ROWS = BigInt(process.env["LATCHDB_ROWS"] ?? 300_000);
/** More runs than it takes until a statement has shown itself quick. */
const RUNS = 10;
/** On a busy machine, a run in place may be ended by the clock. */
const MOST_TRIES = 100;

interface Place {
  client: LocalClient;
  file: string;
}

/** A client on a new file in WAL mode, where a commit does not wait for the disk. */
async function open(t: ExecutionContext, options: Omit<LatchConfig, "url"> = {}): Promise<Place> {
  const { url, file } = await temporaryDatabase(t);
  const client = createClient({ url, ...options }) as LocalClient;
  t.teardown(() => client.close());
  await client.executeMultiple(`
    pragma journal_mode = wal;
    pragma synchronous = normal;
    create table t (id integer primary key, a integer, b text);
    insert into t values (1, 1, 'one'), (2, 2, 'two'), (3, 3, 'three');
  `);
  return { client, file };
}

/** How many of some calls ran in place. */
async function inPlace(client: LocalClient, calls: () => Promise<unknown>): Promise<number> {
  const before = client.stats().calls.inPlace;
  await calls();
  return client.stats().calls.inPlace - before;
}

/** Runs a statement again and again. */
async function repeat(
  executor: LocalClient | LatchTransaction,
  sql: string,
  argsOf: (n: number) => InValue[] = () => [],
): Promise<void> {
  for (let n = 0; n < RUNS; n++) await executor.execute({ sql, args: argsOf(n) });
}

/** Makes a statement one that runs in place. */
async function accustom(
  t: ExecutionContext,
  client: LocalClient,
  sql: string,
  args?: (n: number) => InValue[],
): Promise<void> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    if ((await inPlace(client, () => repeat(client, sql, args))) > 0) return;
  }
  t.fail(`${sql} does not run in place`);
}

const quick: Array<[string, (n: number) => InValue[]]> = [
  ["select * from t where id = ?", (n) => [n]],
  ["select b from t where a = ?", (n) => [n]],
  ["select sum(a) from t", () => []],
  ["select a, b from t order by b", () => []],
  ["insert into t (a, b) values (?, ?)", (n) => [n, "x"]],
  ["insert into t (a, b) values (length(uuid()), reverse(?))", () => ["xy"]],
  ["update t set b = ? where id = ?", (n) => ["y", n]],
  ["delete from t where id = ?", (n) => [n]],
  ["insert or replace into t values (?, 5, 'five')", (n) => [n]],
  ["insert into t (a) select a from t where id = ?", () => [1]],
];

for (const [sql, args] of quick) {
  test.serial(`in place: ${sql}`, async (t) => {
    const { client } = await open(t);
    await accustom(t, client, sql, args);
    const other = (await open(t, { execution: "thread" })).client;
    t.is(await inPlace(other, () => repeat(other, sql, args)), 0);
    // The same number of runs for both.
    const runs = client.stats().calls.inPlace + client.stats().calls.onThread;
    while (other.stats().calls.onThread < runs) await repeat(other, sql, args);
    const rows = async (of: LocalClient): Promise<unknown> =>
      (await of.execute("select id, a, b from t order by id")).toJSON().rows;
    t.deepEqual(await rows(client), await rows(other));
  });
}

const onThread = [
  "select count(*) from t",
  "select * from t where b like 'o%'",
  "select instr(b, 'e') from t where id = 1",
  "select last_insert_rowid()",
  "select changes()",
  "select b regexp 'o.*e' from t where id = 1",
  "select sha3(b) from t where id = 1",
  "select median(a) from t",
  "select value from generate_series(1, 2)",
  "delete from t",
  "insert into t (a) values (1) returning id",
  "pragma user_version",
  "pragma cache_size = -2000",
  "select * from pragma_table_info('t')",
  "create table if not exists t (a)",
];

for (const sql of onThread) {
  test.serial(`on a thread: ${sql}`, async (t) => {
    const { client } = await open(t);
    t.is(await inPlace(client, () => repeat(client, sql)), 0);
  });
}

test.serial("a write is not in place where its commit may wait for the disk", async (t) => {
  const insert = "insert into t (a) values (?)";
  for (const setting of ["pragma synchronous = full", "pragma journal_mode = delete"]) {
    const { client } = await open(t);
    await client.execute(setting);
    t.is(await inPlace(client, () => repeat(client, insert, (n) => [n])), 0, setting);
    await client.executeMultiple("pragma journal_mode = wal; pragma synchronous = normal");
    await accustom(t, client, insert, (n) => [n]);
  }
});

test.serial("with TEMP tables or attached databases, every call is on a thread", async (t) => {
  const { client } = await open(t);
  await client.execute("create temp table x (a)");
  t.is(await inPlace(client, () => repeat(client, "select * from t where id = 1")), 0);
});

test.serial("a transaction: its writes are in place, and what fails changes nothing", async (t) => {
  const { client } = await open(t);
  await client.execute("create table p (id integer primary key)");
  await client.execute("create table c (p references p (id), a unique)");
  const transaction = await client.transaction("write");
  await transaction.execute("insert into p values (1)");
  const insert = "insert into c values (?, ?)";
  let rows = 0;
  const more = (): Promise<void> => repeat(transaction, insert, () => [1, rows++]);
  const isDone = async (): Promise<boolean> => (await inPlace(client, more)) > 0;
  for (let tries = 0; !(await isDone()); tries++) if (tries > MOST_TRIES) return t.fail();
  const constraint = { code: "SQLITE_CONSTRAINT" };
  await t.throwsAsync(transaction.execute({ sql: insert, args: [1, 1] }), constraint);
  // A foreign key is checked at the end of the statement.
  await t.throwsAsync(transaction.execute({ sql: insert, args: [2, -1] }), constraint);
  await transaction.execute({ sql: insert, args: [1, -2] });
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from c"), rows + 1);
});

test.serial(
  'a transaction of mode "read" refuses a write that runs in place elsewhere',
  async (t) => {
    const { client } = await open(t);
    const insert = "insert into t (a) values (?)";
    await accustom(t, client, insert, (n) => [n]);
    const transaction = await client.transaction("read");
    const refused = transaction.execute({ sql: insert, args: [1] });
    await t.throwsAsync(refused, { code: "SQLITE_READONLY" });
    await transaction.commit();
  },
);

test.serial("a transaction that SQLite rolls back in a call in place is over", async (t) => {
  const { client } = await open(t);
  await client.execute("pragma max_page_count = 60");
  const transaction = await client.transaction("write");
  const insert = { sql: "insert into t (a, b) values (?, ?)", args: [1, "x".repeat(1000)] };
  const untilFull = async (): Promise<void> => {
    for (;;) await transaction.execute(insert);
  };
  const done = await inPlace(client, () => t.throwsAsync(untilFull, { code: "SQLITE_FULL" }));
  t.true(done > 0, `${done}`);
  await t.throwsAsync(transaction.execute(insert), { code: "TRANSACTION_CLOSED" });
  t.is(await selectValue(client, "select count(*) from t"), 3);
});

test.serial("the WAL does not grow without bound", async (t) => {
  const { client, file } = await open(t);
  const insert = "insert into t (a, b) values (?, ?)";
  const text = "x".repeat(1000);
  await client.execute("pragma wal_autocheckpoint = 20");
  const done = await inPlace(client, async () => {
    for (let n = 0; n < 2000; n++) await client.execute({ sql: insert, args: [n, text] });
  });
  t.true(done > 0, `${done}`);
  const bytes = statSync(`${file}-wal`).size;
  t.true(bytes < 200 * 4200, `${bytes} bytes`);
  t.is(await selectValue(client, "select count(*) from t"), 2003);
});

const tooLong: Array<[string, string, (n: number) => InValue[], InValue[]]> = [
  ["a removal", "delete from x where id = ?", (n) => [n], [500]],
  [
    "an update",
    "update x set a = ?, b = ?, c = ? where id = ?",
    (n) => [n, n, n, n],
    [1, 1, 1, 500],
  ],
  ["a replacement", "replace into x values (?, ?, ?, ?)", (n) => [n, n, n, n], [500, 1, 1, 1]],
];

for (const [what, sql, args, last] of tooLong) {
  test.serial(`a transaction: ${what} that finds a long indexed value`, async (t) => {
    const { client } = await open(t);
    await client.executeMultiple(`
      create table x (id integer primary key, a, b, c);
      create index x_a on x (a);
      create index x_b on x (b);
      create index x_c on x (c);
      with recursive n (i) as (select 1 union all select i + 1 from n limit 500)
      insert into x select i, i, i, i from n;
      update x set b = zeroblob(100000) where id = 500;
    `);
    const transaction = await client.transaction("write");
    let done = 0;
    for (let n = 1; done < 3 && n < 400; n++) {
      // The call has the whole time of a turn.
      await setImmediate();
      done += await inPlace(client, () => transaction.execute({ sql, args: args(n) }));
    }
    await setImmediate();
    t.is((await transaction.execute({ sql, args: last })).rowsAffected, 1);
    await transaction.commit();
    t.is(await selectValue(client, "pragma integrity_check"), "ok");
  });
}

// --- what was quick becomes slow ------------------------------------------------------------------

async function assertFree(
  t: ExecutionContext,
  call: () => Promise<unknown>,
  check: (answer: unknown) => void,
): Promise<void> {
  const gaps = await longestGaps(GAP_LIMIT_MS, async () => check(await call()));
  const held = Math.min(...gaps.map((gap) => gap.held));
  t.log(`longest gap ${held.toFixed(1)} ms`);
  t.true(held < GAP_LIMIT_MS, `${held} ms`);
}

test.serial("a value of 50 MB", async (t) => {
  const { client } = await open(t);
  const sql = "select substr(b, 1, 3) from t where id = ?";
  await accustom(t, client, sql, () => [1]);
  await client.execute("update t set b = zeroblob(50000000) where id = 2");
  await client.execute("select 1");
  await assertFree(
    t,
    () => client.execute({ sql, args: [2] }),
    (answer) => t.deepEqual((answer as { rows: unknown[][] }).rows[0]?.[0], new ArrayBuffer(3)),
  );
});

test.serial("400 values of 60 KB", async (t) => {
  const { client } = await open(t);
  const columns = Array.from({ length: 400 }, (_, n) => `c${n}`);
  await client.executeMultiple(`
    create table wide (id integer primary key, ${columns.join(", ")});
    insert into wide (id) values (1), (2);
    update wide set ${columns.map((name) => `${name} = zeroblob(60000)`).join(", ")} where id = 2;
  `);
  const sql = "select * from wide where id = ?";
  await accustom(t, client, sql, () => [1]);
  await setImmediate();
  // Only the call itself: the reading of its answer takes longer.
  const began = performance.now();
  const answer = client.execute({ sql, args: [2] });
  const held = performance.now() - began;
  t.true(held < GAP_LIMIT_MS, `${held} ms`);
  t.is((await answer).rows.length, 1);
});

test.serial("a view that another client has made slow", async (t) => {
  const { client, file } = await open(t);
  await client.execute("create view v as select id, a from t");
  const sql = "select * from v where id = ?";
  await accustom(t, client, sql, () => [1]);
  const other = createClient({ url: `file:${file}` });
  t.teardown(() => other.close());
  await other.executeMultiple(`
    drop view v;
    create view v as select id, instr(b, 'aaaa') as a from t;
  `);
  t.is(await inPlace(client, () => repeat(client, sql, () => [1])), 0);
});

test.serial("a function that makes 100 MB", async (t) => {
  const { client } = await open(t);
  const sql = "select length(hex(randomblob(?)))";
  await accustom(t, client, sql, () => [10n]);
  await assertFree(
    t,
    () => client.execute({ sql, args: [50_000_000n] }),
    (answer) => t.is((answer as { rows: unknown[][] }).rows[0]?.[0], 100_000_000),
  );
});

test.serial("a series that has become long, and a search in a long text", async (t) => {
  const { client } = await open(t);
  const series = "select max(value) from generate_series(1, ?)";
  const search = "select regexp('(a|b|ab)*c', replicate('ab', ?))";
  for (const sql of [series, search]) {
    await repeat(client, sql, () => [1n]);
    await assertFree(t, () => client.execute({ sql, args: [300_000n] }), t.truthy);
  }
});

/** Statements that a table makes slow once it has grown, and a point query. */
const growing = [
  "select sum(a) from t",
  "select b from t order by b limit 1",
  "select count(*) from t where a > -1",
  "update t set a = a + 1 where b <> ''",
  "select b from t where id = 9",
];

/** Makes the statements ones that run in place, and adds rows to their table. */
async function grow(t: ExecutionContext, { client }: Place): Promise<void> {
  await client.execute("insert into t values (9, 9, 'nine')");
  for (const sql of growing) await accustom(t, client, sql);
  await client.execute({
    sql:
      "with recursive n (i) as (select 10 union all select i + 1 from n limit ?) " +
      "insert into t select i, 0, hex(randomblob(8)) from n",
    args: [ROWS],
  });
}

test.serial("a table that has grown, read, sorted, counted and written", async (t) => {
  t.timeout(600_000);
  const place = await open(t);
  await grow(t, place);
  for (const sql of [...growing, "select count(*) from t"]) {
    await assertFree(t, () => place.client.execute(sql), t.truthy);
  }
});

test.serial("a table that has grown, in a file that the system has not read", async (t) => {
  t.timeout(600_000);
  const place = await open(t);
  await grow(t, place);
  await place.client.execute("pragma wal_checkpoint(truncate)");
  for (const sql of growing) {
    // The connection's own pages.
    await place.client.execute("pragma shrink_memory");
    if (!evict(place.file)) return t.pass("not on this system: dd(1) cannot evict a file");
    await assertFree(t, () => place.client.execute(sql), t.truthy);
  }
});

/**
 * Evicts a file from the system's page cache (posix_fadvise(2), POSIX_FADV_DONTNEED).
 * @returns false where that is not possible
 */
function evict(file: string): boolean {
  const options = [`of=${file}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"];
  return process.platform === "linux" && spawnSync("dd", options).status === 0;
}

test.serial("a trigger that was added later", async (t) => {
  const { client } = await open(t);
  const insert = "insert into t (a) values (?)";
  await client.execute("create table log (a)");
  await accustom(t, client, insert, (n) => [n]);
  await client.execute(
    "create trigger r after insert on t begin insert into log " +
      "with recursive n (i) as (select 1 union all select i + 1 from n limit 200000) " +
      "select i from n; end",
  );
  await assertFree(t, () => client.execute({ sql: insert, args: [1] }), t.truthy);
  t.is(Number(await selectValue(client, "select count(*) from log")) % 200_000, 0);
});

test.serial("a lock of another process", async (t) => {
  const { url, file } = await temporaryDatabase(t);
  const client = createClient({ url, timeout: 300 }) as LocalClient;
  t.teardown(() => client.close());
  await client.execute("create table t (id integer primary key, a integer, b text)");
  const sql = "select a from t where id = ?";
  await accustom(t, client, sql, () => [1]);
  const { release } = await lockElsewhere(t, file, "exclusive");
  await assertFree(
    t,
    () => t.throwsAsync(client.execute({ sql, args: [1] }), { code: "SQLITE_BUSY" }),
    () => undefined,
  );
  await release();
  await t.notThrowsAsync(client.execute({ sql, args: [1] }));
});

test.serial("a loop of awaited calls lets timers run", async (t) => {
  const { client } = await open(t);
  const sql = "select * from t where id = ?";
  await accustom(t, client, sql, () => [1]);
  await assertFree(
    t,
    async () => {
      const end = performance.now() + 300;
      while (performance.now() < end) await client.execute({ sql, args: [1] });
    },
    () => undefined,
  );
  await assertFree(
    t,
    () => Promise.all(Array.from({ length: 1000 }, () => client.execute({ sql, args: [1] }))),
    () => undefined,
  );
});
