/** Queries that take long, and journal modes. */
import type { Client } from "latchdb";

/** SQLite's two ways to keep a transaction apart from the rest; the first is the default. */
export const journalModes = ["delete", "wal"] as const;
export type JournalMode = (typeof journalModes)[number];

/** Takes minutes where nobody stops it. */
export const endlessQuery = countTo(1_000_000_000);

/** A query that takes longer, the higher it counts. */
export function countTo(limit: number): string {
  return (
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${limit}) ` +
    "select count(*) from n"
  );
}

/** Gives a client's database a journal mode and a table `t (a)`. */
export async function prepare(client: Client, mode: JournalMode): Promise<void> {
  await client.execute(`pragma journal_mode = ${mode}`);
  await client.execute("create table t (a)");
}
