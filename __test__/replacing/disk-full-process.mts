/**
 * Runs in a mount namespace of its own, on a disk of 3 MB. Prints as JSON what became of a replacement
 * that has no room, for `disk-full.spec.mts`.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "latchdb";
import { SwapError } from "latchdb/swap";

export interface DiskFull {
  error: { name: string; code: string; message: string; committed: boolean } | undefined;
  version: unknown;
  journalMode: unknown;
  integrity: unknown[];
  names: string[];
}

const FILLER = "insert into filler select randomblob(1000) from generate_series(1, ?)";
const TABLE = "create table filler (a)";

const [how = "", directory = "", mode = ""] = process.argv.slice(2);
const file = join(directory, "test.db");
const client = createClient({ url: `file:${file}` });
await client.execute(`pragma journal_mode = ${mode}`);
await client.execute("pragma user_version = 1");
await client.execute(TABLE);
await client.execute(recursive(900));

const other = how === "in-place" ? createClient({ url: `file:${file}` }) : undefined;
await other?.execute("select count(*) from filler");
const error = await client
  .replaceDatabase(
    how === "source"
      ? { source: await largeDatabase() }
      : {
          inUse: "in-place",
          build: async (staging) => {
            await staging.execute(TABLE);
            // In place there is room for the new one, and none for what the old file needs beside it.
            await staging.execute(recursive(how === "in-place" ? 1200 : 4000));
          },
        },
  )
  .then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
other?.close();
if (error !== undefined && !(error instanceof SwapError)) throw error;
const one = async (sql: string): Promise<unknown> => (await client.execute(sql)).rows[0]?.[0];
const answer: DiskFull = {
  error: error && {
    name: error.name,
    code: error.code,
    message: error.message,
    committed: error.committed,
  },
  version: await one("pragma user_version"),
  journalMode: await one("pragma journal_mode"),
  integrity: [await one("pragma integrity_check")],
  names: [],
};
client.close();
answer.names = await readdir(directory);
console.log(JSON.stringify(answer));

function recursive(rows: number): { sql: string; args: number[] } {
  const sql = `with recursive generate_series (i) as
    (values (1) union all select i + 1 from generate_series where i < ?) ${FILLER}`;
  return { sql: sql.replace("generate_series(1, ?)", "generate_series"), args: [rows] };
}

/** Beside the small disk: under /dev/shm, or wherever memory is. */
async function largeDatabase(): Promise<string> {
  const large = join("/dev/shm", `latchdb-${process.pid}.db`);
  const { rmSync } = await import("node:fs");
  process.on("exit", () => rmSync(large, { force: true }));
  const builder = createClient({ url: `file:${large}` });
  await builder.execute(TABLE);
  await builder.execute(recursive(4000));
  builder.close();
  return large;
}
