/**
 * Runs in a mount namespace of its own, on disks that are full or read-only. Prints what happened
 * as JSON, for `disk.spec.mts`.
 */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, LibsqlError } from "latchdb";
import type { LocalClient } from "latchdb";

/** What a call did: resolved, or the code and text of its error. */
export interface Tried {
  code: string | undefined;
  message: string | undefined;
}

export interface FullDisk {
  /** The calls that failed: each in its own way of writing. */
  failed: Record<string, Tried>;
  /** How many inserts were acknowledged, and how many rows are there afterwards. */
  acknowledged: number;
  found: number;
  integrity: unknown;
  /** A write once there is room again. */
  afterwards: Tried;
}

export interface ReadOnlyDisk {
  read: unknown;
  failed: Record<string, Tried>;
  /** Opening a file that is not there. */
  opened: Tried;
  stillReads: unknown;
}

const row = "x".repeat(4000);

async function attempt(action: () => unknown): Promise<Tried> {
  try {
    await action();
    return { code: undefined, message: undefined };
  } catch (error) {
    if (!(error instanceof LibsqlError)) throw error;
    return { code: error.code, message: error.message };
  }
}

async function value(client: LocalClient, sql: string): Promise<unknown> {
  const { rows } = await client.execute(sql);
  return rows[0]?.[0];
}

async function fullDisk(directory: string, journalMode: string): Promise<FullDisk> {
  const ballast = join(directory, "ballast");
  await writeFile(ballast, Buffer.alloc(256 * 1024));
  const client = createClient({ url: `file:${join(directory, "test.db")}` });
  await client.execute(`pragma journal_mode = ${journalMode}`);
  await client.execute("create table t (a integer primary key, b text)");
  let acknowledged = 0;
  const insert = { sql: "insert into t (b) values (?)", args: [row] };
  const many = Array.from({ length: 300 }, () => insert);
  const execute = await attempt(async () => {
    for (;;) {
      await client.execute(insert);
      acknowledged++;
    }
  });
  const batch = await attempt(() => client.batch(many, "write"));
  const transaction = await client.transaction();
  const inTransaction = await attempt(async () => {
    for (let i = 0; i < 300; i++) await transaction.execute(insert);
    await transaction.commit();
  });
  transaction.close();
  const script = await attempt(() =>
    client.executeMultiple(`insert into t (b) values (hex(zeroblob(1000000)))`),
  );
  await rm(ballast);
  const afterwards = await attempt(() => client.execute(insert));
  if (afterwards.code === undefined) acknowledged++;
  const integrity = await value(client, "pragma integrity_check");
  client.close();
  const again = createClient({ url: `file:${join(directory, "test.db")}` });
  const found = Number(await value(again, "select count(*) from t"));
  again.close();
  return {
    failed: { execute, batch, transaction: inTransaction, executeMultiple: script },
    acknowledged,
    found,
    integrity,
    afterwards,
  };
}

async function readOnlyDisk(directory: string): Promise<ReadOnlyDisk> {
  const client = createClient({ url: `file:${join(directory, "test.db")}` });
  const read = await value(client, "select a from t");
  const failed = {
    execute: await attempt(() => client.execute("insert into t values (2)")),
    batch: await attempt(() => client.batch(["insert into t values (2)"], "write")),
    executeMultiple: await attempt(() => client.executeMultiple("create table u (a)")),
    transaction: await attempt(async () => {
      const transaction = await client.transaction();
      try {
        await transaction.execute("insert into t values (2)");
      } finally {
        transaction.close();
      }
    }),
  };
  const missing = join(directory, "missing.db");
  const opened = await attempt(() => createClient({ url: `file:${missing}` }).close());
  const stillReads = await value(client, "select a from t");
  client.close();
  return { read, failed, opened, stillReads };
}

const [what = "", directory = "", journalMode = "delete"] = process.argv.slice(2);
const answer =
  what === "full" ? await fullDisk(directory, journalMode) : await readOnlyDisk(directory);
console.log(JSON.stringify(answer));
