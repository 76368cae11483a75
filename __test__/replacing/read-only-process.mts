/**
 * Runs in a mount namespace of its own, where the database is on a read-only disk. Prints as JSON what
 * became of a replacement, for `failures.spec.mts`.
 */
import { createClient } from "latchdb";
import { SwapError } from "latchdb/swap";

export interface ReadOnly {
  code: string;
  step: string;
  /** Whether the error names a path in the database's directory. */
  path: boolean;
  /** How many rows the client reads afterwards. */
  rows: unknown;
}

const [file = "", directory = ""] = process.argv.slice(2);
const client = createClient({ url: `file:${file}` });
const error = await client
  .replaceDatabase({ build: (staging) => staging.execute("create table a (b)") })
  .then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
if (!(error instanceof SwapError)) throw error ?? new Error("it was replaced");
const { code, step } = error;
const path = error.path.startsWith(directory);
const { rows } = await client.execute("select count(*) from item");
client.close();
const answer: ReadOnly = { code, step, path, rows: rows[0]?.[0] };
console.log(JSON.stringify(answer));
