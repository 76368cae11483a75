/**
 * Several clients of one process use one file at the same time. In `@libsql/client` each of their calls
 * runs on the JavaScript thread from its beginning to its end, so their calls never meet, and never
 * fail for each other. No client here has a timeout.
 */
import { once } from "node:events";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import test, { type ExecutionContext } from "ava";
import { createClient, type LocalClient } from "latchdb";
import { kinds, prepare } from "../support/clients-at-once.mjs";
import { elapsed } from "../support/elapsed.mjs";
import {
  openUrl,
  selectColumn,
  selectRow,
  selectValue,
  temporaryDatabase,
} from "../support/database.mjs";
import { journalModes } from "../support/queries.mjs";

const isThorough = process.env.LATCHDB_CLIENTS === "all";
const clientCounts = isThorough ? [2, 3, 4, 5] : [4];
const rowsOfEach = isThorough ? 40 : 10;
/** What workers do in `npm test`; the rest is in `npm run test:clients`. */
const IN_WORKERS = ["start-up", "reads beside writes"];

type CreateClient = typeof createClient;

/** The package, loaded once more: its JavaScript has a state of its own, and the addon is the same. */
function loadAgain(): CreateClient {
  const require = createRequire(import.meta.url);
  const isOurs = (path: string): boolean => /[\\/]dist[\\/]/.test(path);
  const loaded = Object.keys(require.cache).filter(isOurs);
  const former = loaded.map((path) => [path, require.cache[path]] as const);
  for (const path of loaded) Reflect.deleteProperty(require.cache, path);
  const again = require("latchdb") as { createClient: CreateClient };
  for (const [path, module] of former) require.cache[path] = module;
  return again.createClient;
}

/** Runs one kind of work on clients of this thread. */
async function inOneThread(
  t: ExecutionContext,
  creators: CreateClient[],
  { url, kind, count, mode }: { url: string; kind: string; count: number; mode: string },
): Promise<void> {
  const clients = Array.from({ length: count }, (_, i): LocalClient => {
    const client = (creators[i % creators.length] ?? createClient)({ url });
    t.teardown(() => client.close());
    return client;
  });
  await Promise.all(clients.map((client, id) => kinds[kind]?.(client, id, rowsOfEach, mode)));
}

/** Runs one kind of work on clients of workers. */
async function inWorkers(
  t: ExecutionContext,
  { url, kind, count, mode }: { url: string; kind: string; count: number; mode: string },
): Promise<void> {
  const program = new URL("../support/programs/client-at-once.mjs", import.meta.url);
  const workers = Array.from({ length: count }, (_, id) => {
    const workerData = { url, kind, id, count: rowsOfEach, mode };
    return new Worker(program, { workerData });
  });
  t.teardown(() => Promise.all(workers.map((worker) => worker.terminate())));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const ended = workers.map((worker) => once(worker, "message"));
  for (const worker of workers) worker.postMessage("begin");
  await Promise.all(ended);
}

const places = {
  "in one thread": (t: ExecutionContext, work: Parameters<typeof inWorkers>[1]) =>
    inOneThread(t, [createClient], work),
  "of two copies of the package": (t: ExecutionContext, work: Parameters<typeof inWorkers>[1]) =>
    inOneThread(t, [createClient, loadAgain()], work),
  "in workers": inWorkers,
};

for (const mode of journalModes) {
  for (const kind of Object.keys(kinds)) {
    for (const [place, run] of Object.entries(places)) {
      // Starting workers takes longer than the rest.
      const isLong = place === "in workers" && !IN_WORKERS.includes(kind);
      if (isLong && !isThorough) continue;
      for (const count of clientCounts) {
        test.serial(`${kind}: ${count} clients ${place} (${mode})`, async (t) => {
          const database = await temporaryDatabase(t);
          const observer = database.open();
          await prepare(observer, kind, mode);
          await run(t, { url: database.url, kind, count, mode });
          const written = "select client, group_concat(n) n from (select * from t order by n)";
          const { rows } = await observer.execute(`${written} group by client order by client`);
          const all = Array.from({ length: rowsOfEach }, (_, n) => n).join();
          t.deepEqual(
            rows.map((row) => [row.client, row.n]),
            Array.from({ length: count }, (_, id) => [id, all]),
          );
        });
      }
    }
  }
}

for (const mode of journalModes) {
  test(`a write waits for a long read of another client, or runs beside it (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const [reader, writer] = [database.open(), database.open()];
    await prepare(writer, "", mode);
    await writer.execute("insert into t values (1, 0, 0)");
    const long =
      "with recursive n (i) as (select 1 union all select i + 1 from n limit 1000000) " +
      "select count(*) from n, t";
    const [read] = await Promise.all([
      selectValue(reader, long),
      writer.execute("insert into t values (2, 0, 1)"),
      writer.batch(["insert into t values (3, 0, 2)"], "write"),
      reader.execute("insert into t values (4, 1, 0)"),
    ]);
    t.is(Number(read) % 1_000_000, 0);
    t.deepEqual(await selectColumn(reader, "select id from t order by id"), [1, 2, 3, 4]);
  });

  test(`a write waits for a transaction of another client that is working (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const [holder, other] = [database.open(), database.open()];
    await prepare(holder, "", mode);
    const transaction = await holder.transaction("write");
    const writing = other.execute("insert into t values (100, 1, 0)");
    // The calls are not awaited, so that the transaction is never idle.
    const calls = Array.from({ length: 20 }, (_, n) =>
      transaction.execute(`insert into t values (${n}, 0, ${n})`),
    );
    await t.notThrowsAsync(Promise.all([...calls, transaction.commit(), writing]));
    t.is(await selectValue(other, "select count(*) from t"), 21);
  });

  test(`an idle transaction of another client is SQLITE_BUSY, soon (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const [holder, other] = [database.open(), database.open()];
    await prepare(holder, "", mode);
    const transaction = await holder.transaction("write");
    await transaction.execute("insert into t values (1, 0, 0)");
    const calls = [
      () => other.execute("insert into t values (2, 1, 0)"),
      () => other.executeMultiple("begin; insert into t values (2, 1, 0); commit"),
      () => other.batch(["insert into t values (2, 1, 0)"]),
      () => other.transaction("write"),
      () => other.execute("begin immediate"),
    ];
    for (const call of calls) {
      const ms = await elapsed(() => t.throwsAsync(call, { code: "SQLITE_BUSY" }));
      t.true(ms < 2500, `${ms} ms`);
    }
    t.is(await selectValue(other, "select count(*) from t"), 0, "reads are not in its way");
    await transaction.commit();
    await t.notThrowsAsync(other.execute("insert into t values (2, 1, 0)"));
  });
}

test("what needs no lock runs beside an idle transaction of another client", async (t) => {
  const database = await temporaryDatabase(t);
  const [holder, other] = [database.open(), database.open()];
  await prepare(holder, "", "wal");
  await holder.executeMultiple(
    "create index i on t (client); create view v as select 1; " +
      "create trigger r after insert on t begin select 1; end",
  );
  const transaction = await holder.transaction("write");
  await transaction.execute("insert into t values (1, 0, 0)");
  t.is((await selectRow(other, "pragma journal_mode = wal"))[0], "wal");
  const changeNothing = [
    "create table if not exists t (a)",
    "create index if not exists i on t (client)",
    "create view if not exists v as select 1",
    "create trigger if not exists r after insert on t begin select 1; end",
    "drop table if exists missing",
    "drop index if exists missing",
  ];
  for (const sql of changeNothing) {
    await t.notThrowsAsync(other.execute(sql), sql);
    await t.notThrowsAsync(other.batch([sql]), sql);
  }
  await t.notThrowsAsync(other.executeMultiple("begin; select * from t; commit"));
  await t.notThrowsAsync(other.execute("pragma wal_checkpoint"));
  await transaction.rollback();
});

test("clients of a shared cache wait for each other", async (t) => {
  const url = "file::memory:?cache=shared";
  const clients = Array.from({ length: 3 }, () => openUrl(t, url));
  await prepare(clients[0] as LocalClient, "", "memory");
  const work = ["execute", "batch", "executeMultiple", "reads beside writes"];
  for (const kind of work) {
    await Promise.all(
      clients.map((client, id) =>
        kinds[kind]?.(client, 10 * id + work.indexOf(kind), 10, "memory"),
      ),
    );
  }
  const count = await selectValue(clients[1] as LocalClient, "select count(*) from t");
  t.is(count, 3 * work.length * 10);
});

for (const mode of ["delete", "wal"] as const) {
  test(`a batch that reads first and then changes nothing is in nobody's way (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const [reader, writer] = [database.open(), database.open()];
    await prepare(writer, "", mode);
    const writing = { isOver: false };
    const reading = (async () => {
      const createNothing = "create table if not exists t (a)";
      while (!writing.isOver) await reader.batch(["select * from t", createNothing], "deferred");
    })();
    try {
      for (let n = 0; n < 100; n++) {
        await writer.execute(`insert into t values (${n}, 0, ${n})`);
      }
    } finally {
      writing.isOver = true;
    }
    await t.notThrowsAsync(reading);
    t.is(await selectValue(reader, "select count(*) from t"), 100);
  });

  test(`a batch that sets a PRAGMA of the file writes from its beginning (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const clients = [database.open(), database.open(), database.open()];
    await prepare(clients[0] as LocalClient, "", mode);
    const setVersion = async (client: LocalClient, id: number): Promise<void> => {
      for (let n = 0; n < 20; n++) {
        const row = `insert into t (client, n) values (${id}, ${n})`;
        await client.execute(row);
        await client.batch(["pragma user_version", `pragma user_version = ${n}`], "deferred");
        await client.batch(["select * from t", `pragma application_id = ${n}`], "deferred");
      }
    };
    await t.notThrowsAsync(Promise.all(clients.map(setVersion)));
    t.is(await selectValue(clients[0] as LocalClient, "pragma user_version"), 19);
  });
}

test.serial("a transaction of another client with ever more calls is SQLITE_BUSY", async (t) => {
  const database = await temporaryDatabase(t);
  const [holder, other] = [database.open(), database.open()];
  await prepare(holder, "", "wal");
  const transaction = await holder.transaction("write");
  const wait = { isOver: false };
  const writing = other.execute("insert into t values (0, 1, 0)").finally(() => {
    wait.isOver = true;
  });
  const busy = t.throwsAsync(writing, { code: "SQLITE_BUSY" });
  for (let calls = 0; !wait.isOver && calls < 1000; calls++) {
    await transaction.execute("select * from t");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.true(wait.isOver, "the call has waited for 1000 calls of the transaction, and 5 s");
  await transaction.rollback();
  await busy;
});

test("a transaction that has read does not wait, even if it has written to a TEMP table", async (t) => {
  const database = await temporaryDatabase(t);
  const [holder, other] = [database.open(), database.open({ timeout: 30_000 })];
  await prepare(holder, "", "delete");
  await other.execute("create temp table mine (a)");
  const reading = await other.transaction("deferred");
  await reading.execute("insert into mine values (1)");
  await reading.execute("select * from t");
  const writing = await holder.transaction("write");
  const ms = await elapsed(() =>
    t.throwsAsync(reading.execute("insert into t values (1, 0, 0)"), { code: "SQLITE_BUSY" }),
  );
  t.true(ms < 10_000, `${ms} ms`);
  await reading.rollback();
  await writing.rollback();
});

test("clients of a shared cache do not lock tables against each other", async (t) => {
  const url = "file::memory:?cache=shared";
  const clients = Array.from({ length: 3 }, () => openUrl(t, url));
  const [writer, ...readers] = clients as [LocalClient, ...LocalClient[]];
  await writer.executeMultiple("create table first (a); create table second (a)");
  await writer.execute("insert into second values (1)");
  const writing = { isOver: false };
  const reading = readers.map(async (client, i) => {
    const mode = i === 0 ? "read" : "deferred";
    while (!writing.isOver) {
      await client.batch(["select * from second", "select * from first"], mode);
      await client.executeMultiple("select * from second; select * from first");
    }
  });
  const script = "begin; insert into first values (1); update second set a = a + 1; commit";
  try {
    for (let n = 0; n < 200; n++) await writer.executeMultiple(script);
  } finally {
    writing.isOver = true;
  }
  await t.notThrowsAsync(Promise.all(reading));
  t.is(await selectValue(writer, "select a from second"), 201);
});
