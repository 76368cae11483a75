/**
 * Calls that are aborted at any moment. Each rejects with the signal's reason and has no effect, or
 * resolves and has its effect. ABORTS sets the number of tries of each kind.
 */
import test from "ava";
import type { LatchTransaction, LocalClient } from "latchdb";
import { openUrl, selectValue, temporaryDatabase } from "../support/database.mjs";
import { spin, usualMicroseconds } from "../support/moments.mjs";

const tries = Number(process.env["ABORTS"] ?? 60);
const reason = new Error("changed my mind");

/** A table that SQLite keeps, and two whose extensions keep handles open in a transaction. */
const tables: Array<[string, string]> = [
  ["a table", "create table t (id integer primary key, a, b)"],
  ["an R-tree", "create virtual table t using rtree (id, a, b)"],
  ["a full-text index", "create virtual table t using fts5 (id, a, b)"],
];

type Call = (client: LocalClient, id: number, signal: AbortSignal) => Promise<unknown>;

const insert = (id: number): { sql: string; args: bigint[] } => ({
  sql: "insert into t (id, a, b) values (?, 1, 2)",
  args: [BigInt(id)],
});

async function within(
  client: LocalClient,
  signal: AbortSignal | undefined,
  run: (transaction: LatchTransaction) => Promise<unknown>,
): Promise<void> {
  const transaction = await client.transaction("write", signal && { signal });
  try {
    await run(transaction);
    await transaction.commit();
  } catch (error) {
    throw reasonOf(error, signal);
  } finally {
    transaction.close();
  }
}

/** The signal of a transaction closes it: its calls that have no signal find it closed. */
function reasonOf(error: unknown, signal: AbortSignal | undefined): unknown {
  const isClosed = (error as { code?: string }).code === "TRANSACTION_CLOSED";
  return isClosed && signal?.aborted === true ? signal.reason : error;
}

/** Each inserts the row `id`, or reads. */
const writing: Record<string, Call> = {
  execute: (client, id, signal) => client.execute({ ...insert(id), signal }),
  "execute with RETURNING": (client, id, signal) =>
    client.execute({ sql: `${insert(id).sql} returning id`, args: [BigInt(id)], signal }),
  batch: (client, id, signal) => client.batch([insert(id), "select 1"], "deferred", { signal }),
  migrate: (client, id, signal) => client.migrate([insert(id)], { signal }),
  executeMultiple: (client, id, signal) =>
    client.executeMultiple(
      `begin; insert into t (id, a, b) values (${id}, 1, 2); select count(*) from t; commit`,
      { signal },
    ),
  "a transaction": (client, id, signal) =>
    within(client, signal, (transaction) => transaction.execute(insert(id))),
  "the calls of a transaction": (client, id, signal) =>
    within(client, undefined, async (transaction) => {
      await transaction.execute({ ...insert(id), signal });
      await transaction.batch(["select count(*) from t"], { signal });
      await transaction.executeMultiple("select 1; select count(*) from t", { signal });
    }),
};

const reading: Record<string, Call> = {
  execute: (client, _id, signal) => client.execute({ sql: "select * from t limit 9", signal }),
  "execute of a new text": (client, id, signal) =>
    client.execute({ sql: `select id, ${id} from t limit 9`, signal }),
  batch: (client, _id, signal) => client.batch(["select count(*) from t"], "read", { signal }),
};
for (const mode of ["read", "deferred", "write"] as const) {
  reading[`transaction(${mode}), at its beginning`] = async (client, _id, signal) => {
    const transaction = await client.transaction(mode, { signal });
    transaction.close();
  };
  reading[`transaction(${mode})`] = async (client, _id, signal) => {
    const transaction = await client.transaction(mode, { signal });
    try {
      await transaction.execute("select count(*) from t");
      await transaction.rollback();
    } catch (error) {
      throw reasonOf(error, signal);
    } finally {
      transaction.close();
    }
  };
}

/** How a client is opened, and whether its file is in WAL mode. */
const databases: Array<[string, string | undefined, string]> = [
  ["a file", undefined, "delete"],
  ["a file in WAL mode", undefined, "wal"],
  ["memory", ":memory:", "memory"],
];

for (const [database, url, mode] of databases) {
  for (const [table, create] of tables) {
    // The moments are counted by the clock.
    test.serial(`what is aborted rejects with the reason (${table} in ${database})`, async (t) => {
      t.timeout(tries * 10_000);
      const client = openUrl(t, url ?? (await temporaryDatabase(t)).url);
      await client.execute(`pragma journal_mode = ${mode}`);
      // What the disk does with a commit is not the matter here.
      await client.execute("pragma synchronous = off");
      await client.execute(create);
      const wrong: string[] = [];
      const counts = { resolved: 0, rejected: 0 };
      let id = 0;
      const attempt = async (name: string, call: Call, writes: boolean): Promise<void> => {
        const never = new AbortController().signal;
        const usual = await usualMicroseconds(() => call(client, ++id, never), 5);
        for (let i = 0; i < tries; i++) {
          const controller = new AbortController();
          const made = call(client, ++id, controller.signal);
          const until = performance.now() + (((i * 7) % 61) / 50) * (usual / 1000);
          if (i % 2 === 0) spin((until - performance.now()) * 1000);
          else while (performance.now() < until) await new Promise(setImmediate);
          controller.abort(reason);
          const outcome = await made.then(
            () => 1,
            (error: unknown) => (error === reason ? 0 : String(error)),
          );
          if (outcome === 1) counts.resolved++;
          else counts.rejected++;
          const sql = "select count(*) from t where id = ?";
          const expected = writes ? await selectValue(client, { sql, args: [BigInt(id)] }) : 0;
          const isRight = writes ? outcome === expected : typeof outcome === "number";
          if (!isRight) wrong.push(`${name}, ${i}: ${outcome}, and ${expected} written`);
        }
      };
      for (const [name, call] of Object.entries(writing)) await attempt(name, call, true);
      for (const [name, call] of Object.entries(reading)) await attempt(name, call, false);
      t.deepEqual(wrong, []);
      t.log(`${counts.resolved} resolved, ${counts.rejected} rejected`);
    });
  }
}
