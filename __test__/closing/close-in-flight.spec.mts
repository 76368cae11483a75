import type { ExecutionContext } from "ava";
import test from "ava";
import { createClient, LibsqlError } from "latchdb";
import type { LocalClient } from "latchdb";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import type { TemporaryDatabase } from "../support/database.mjs";
import { assertNothingBeside, assertNothingOpen } from "../support/open-files.mjs";
import { lockElsewhere, startProgram } from "../support/processes.mjs";
import { endlessQuery, journalModes, prepare } from "../support/queries.mjs";

// Serial: these tests count the threads of the process, and measure time.

/** close() promises 100 ms; the rest is the machine's. */
const CLOSE_LIMIT_MS = 1000;

/** A call that was made before close(). */
interface Call {
  /** Where it writes a row: its number. */
  writes?: number;
  answer: Promise<unknown>;
}

interface Situation {
  name: string;
  /** Makes the calls; `client` is closed right after. */
  begin(
    t: ExecutionContext,
    database: TemporaryDatabase,
    client: LocalClient,
  ): Promise<{
    calls: Call[];
    /** Called after close(), where somebody else has the database open. */
    letGo?: () => Promise<void>;
    /** Whether none of the calls can have finished. */
    allCancelled?: boolean;
  }>;
}

function insert(number: number): { sql: string; args: bigint[] } {
  return { sql: "insert into t values (?)", args: [BigInt(number)] };
}

/** Waits until the client has the write lock, seen by another process that does not get it. */
async function untilWriting(t: ExecutionContext, database: TemporaryDatabase): Promise<void> {
  const seeker = startProgram(t, "lock-seeker", { arguments: [database.file] });
  await seeker.waitFor("locked");
  await seeker.ended;
}

const situations: Situation[] = [
  {
    name: "nothing",
    begin: async () => ({ calls: [] }),
  },
  {
    name: "an open transaction that has written",
    async begin(_t, _database, client) {
      const transaction = await client.transaction("write");
      await transaction.execute(insert(1));
      return { calls: [] };
    },
  },
  {
    name: "an open transaction whose statements are queued",
    async begin(_t, _database, client) {
      const transaction = await client.transaction("write");
      const endless = transaction.execute(endlessQuery);
      const behind = transaction.execute(insert(1));
      return { calls: [{ answer: endless }, { answer: behind }], allCancelled: true };
    },
  },
  {
    name: "20 open transactions that have read",
    async begin(_t, _database, client) {
      for (let i = 0; i < 20; i++) {
        const transaction = await client.transaction("read");
        await transaction.execute("select count(*) from t");
      }
      return { calls: [] };
    },
  },
  {
    name: "open iterators, one of which computes, one is being opened and one has more rows than fit",
    async begin(_t, _database, client) {
      const rows =
        "with recursive n (i) as (select 1 union all select i + 1 from n limit 1000000) select i from n";
      const idle = client.iterate(rows);
      await idle.next();
      const computes = client.iterate(endlessQuery).next();
      const transaction = await client.transaction("read");
      const inside = transaction.iterate(rows);
      await inside.next();
      const opening = client.iterate(rows).next();
      for (const answer of [computes, opening]) answer.catch(() => undefined);
      return { calls: [{ answer: computes }, { answer: opening }], allCancelled: true };
    },
  },
  {
    name: "many lists of arguments on their way",
    async begin(_t, _database, client) {
      async function* source(): AsyncGenerator<[number]> {
        for (let i = 0; ; i++) yield [i];
      }
      const answer = client.prepare("insert into t values (?)").executeMany(source());
      answer.catch(() => undefined);
      for (let i = 0; i < 20; i++) await new Promise(setImmediate);
      return { calls: [{ answer, writes: 1 }], allCancelled: true };
    },
  },
  {
    name: "a function's transaction, and one inside of it",
    async begin(_t, _database, client) {
      const answer = client.transaction(async (outer) => {
        await outer.execute(insert(1));
        await outer.transaction(async (inner) => {
          await inner.execute(insert(2));
          await new Promise(() => undefined);
        });
      });
      answer.catch(() => undefined);
      for (let i = 0; i < 20; i++) await new Promise(setImmediate);
      return { calls: [{ answer, writes: 1 }], allCancelled: true };
    },
  },
  {
    name: "an unfinished batch",
    async begin(t, database, client) {
      const answer = client.batch([insert(1), endlessQuery, insert(2)], "write");
      answer.catch(() => undefined);
      await untilWriting(t, database);
      return { calls: [{ answer, writes: 1 }], allCancelled: true };
    },
  },
  {
    name: "a batch of 50,000 that is still being handed over",
    async begin(_t, _database, client) {
      const answer = client.batch(Array.from({ length: 50_000 }, (_, i) => insert(i)));
      const queued = client.execute("select 1");
      answer.catch(() => undefined);
      queued.catch(() => undefined);
      await new Promise(setImmediate);
      return { calls: [{ answer, writes: 1 }, { answer: queued }], allCancelled: true };
    },
  },
  {
    name: "an unfinished migration",
    async begin(t, database, client) {
      const answer = client.migrate([insert(1), endlessQuery]);
      answer.catch(() => undefined);
      await untilWriting(t, database);
      return { calls: [{ answer, writes: 1 }], allCancelled: true };
    },
  },
  {
    name: "an unfinished script",
    async begin(t, database, client) {
      const answer = client.executeMultiple(
        `begin immediate; insert into t values (1); ${endlessQuery}; commit`,
      );
      answer.catch(() => undefined);
      await untilWriting(t, database);
      return { calls: [{ answer, writes: 1 }], allCancelled: true };
    },
  },
  {
    name: "1,000 queued calls",
    async begin(_t, _database, client) {
      const calls = Array.from({ length: 1000 }, (_, number) => ({
        writes: number,
        answer: client.execute(insert(number)),
      }));
      for (const { answer } of calls) answer.catch(() => undefined);
      // Some of them are done, and not all.
      await calls[2]?.answer;
      return { calls };
    },
  },
  {
    name: "1,000 calls in an open transaction",
    async begin(_t, _database, client) {
      const transaction = await client.transaction("write");
      const calls = Array.from({ length: 1000 }, (_, number) => ({
        answer: transaction.execute(insert(number)),
      }));
      for (const { answer } of calls) answer.catch(() => undefined);
      await calls[2]?.answer;
      return { calls };
    },
  },
  {
    name: "a commit that was called",
    async begin(_t, _database, client) {
      const transaction = await client.transaction("write");
      await transaction.execute(insert(1));
      return { calls: [{ answer: transaction.commit(), writes: 1 }] };
    },
  },
  {
    name: "a query that reads for minutes",
    async begin(_t, database, client) {
      const answer = client.execute(endlessQuery);
      answer.catch(() => undefined);
      // Another thread has come and gone: this one has begun.
      const other = database.open();
      for (let i = 0; i < 20; i++) await other.execute("select 1");
      other.close();
      return { calls: [{ answer }], allCancelled: true };
    },
  },
  {
    name: "a query that returns rows for minutes",
    async begin(_t, _database, client) {
      const answer = client.execute(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1e9) " +
          "select i, 'some text that fills the chunks' from n",
      );
      answer.catch(() => undefined);
      for (let i = 0; i < 20; i++) await new Promise(setImmediate);
      return { calls: [{ answer }], allCancelled: true };
    },
  },
  {
    name: "a statement that writes for minutes",
    async begin(t, database, client) {
      const answer = client.execute(`insert into t ${endlessQuery}`);
      answer.catch(() => undefined);
      await untilWriting(t, database);
      return { calls: [{ answer, writes: 1 }], allCancelled: true };
    },
  },
  {
    name: "a write that waits for another process",
    async begin(t, database, client) {
      const lock = await lockElsewhere(t, database.file, "write");
      const answer = client.execute(insert(1));
      const begun = client.transaction("write");
      return {
        calls: [{ answer, writes: 1 }, { answer: begun }],
        letGo: lock.release,
        allCancelled: true,
      };
    },
  },
  {
    name: "a read that waits for another process' exclusive lock",
    async begin(t, database, client) {
      // In wal mode the other process gets that lock only where nobody else has the database open.
      client.close();
      const lock = await lockElsewhere(t, database.file, "exclusive");
      await client.reconnect();
      const answer = client.execute("select * from t");
      return { calls: [{ answer }], letGo: lock.release, allCancelled: true };
    },
  },
  {
    name: "writers that wait for their own client's transaction",
    async begin(_t, _database, client) {
      const holder = await client.transaction("write");
      await holder.execute(insert(1));
      const answers = [
        client.transaction("write"),
        client.transaction("write"),
        client.execute(insert(2)),
        client.executeMultiple("select 1"),
        client.batch([insert(3)]),
      ];
      return { calls: answers.map((answer) => ({ answer })), allCancelled: true };
    },
  },
  {
    name: "calls that wait for the only connection",
    async begin(_t, _database, client) {
      // With TEMP tables everything keeps to one connection.
      await client.execute("create temp table only_here (a)");
      const holder = await client.transaction("write");
      await holder.execute(insert(1));
      const answers = [
        client.execute("select 1"),
        client.transaction("write"),
        client.batch([insert(3)]),
      ];
      return { calls: answers.map((answer) => ({ answer })), allCancelled: true };
    },
  },
];

for (const mode of journalModes) {
  for (const { name, begin } of situations) {
    test.serial(`close() with ${name} (${mode})`, async (t) => {
      const database = await temporaryDatabase(t);
      const client = database.open({ timeout: 60_000 });
      await prepare(client, mode);
      const { calls, letGo, allCancelled } = await begin(t, database, client);

      const began = performance.now();
      client.close();
      const ms = performance.now() - began;

      assertNothingOpen(t, database.file);
      if (letGo === undefined) await assertNothingBeside(t, database.file);
      t.log(`close() took ${ms.toFixed(1)} ms`);
      t.true(ms < CLOSE_LIMIT_MS, `close() took ${ms} ms`);

      const settled = await Promise.allSettled(calls.map(({ answer }) => answer));
      for (const answer of settled) {
        if (answer.status === "fulfilled") continue;
        t.true(answer.reason instanceof LibsqlError, String(answer.reason));
        t.like(answer.reason, { code: "CLIENT_CLOSED" });
      }
      if (allCancelled) t.true(settled.every(({ status }) => status === "rejected"));

      await letGo?.();
      const reopened = database.open({ timeout: 60_000 });
      const rows = new Set(await selectColumn(reopened, "select a from t"));
      let done = 0;
      for (const [index, { writes }] of calls.entries()) {
        if (writes === undefined) continue;
        const isDone = settled[index]?.status === "fulfilled";
        if (isDone) done++;
        // What resolved is there, and what is there was not said to have failed.
        t.is(rows.has(writes), isDone, `row ${writes}`);
      }
      if (calls.length === 1000) t.log(`${done} of 1,000 calls had written`);
      t.is(await selectValue(reopened, "pragma integrity_check"), "ok");
      reopened.close();
      await assertNothingBeside(t, database.file);
    });
  }

  test.serial(`Transaction.close() gives its locks back at once (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open();
    await prepare(client, mode);
    const transaction = await client.transaction("write");
    await transaction.execute(insert(1));
    const endless = t.throwsAsync(transaction.execute(endlessQuery), {
      code: "TRANSACTION_CLOSED",
    });
    transaction.close();
    const other = database.open({ timeout: 0 });
    await other.execute(insert(2));
    await endless;
    t.deepEqual(await selectColumn(client, "select a from t"), [2]);
  });
}

test.serial("close() of a client in memory, with a query that runs for minutes", async (t) => {
  for (const url of [":memory:", "file::memory:?cache=shared"]) {
    const database = await temporaryDatabase(t);
    const client = database.open();
    const inMemory = createClient({ url });
    const answer = t.throwsAsync(inMemory.execute(endlessQuery), { code: "CLIENT_CLOSED" });
    await client.execute("select 1");
    const began = performance.now();
    inMemory.close();
    t.true(performance.now() - began < CLOSE_LIMIT_MS);
    client.close();
    assertNothingOpen(t, database.file);
    await answer;
  }
});
