/** Forgets clients that it has not closed, and says what became of them once they are collected. */
import { existsSync } from "node:fs";
import { createClient } from "latchdb";
import { countTo } from "../queries.mjs";

const [directory, way] = process.argv.slice(2);
const TURNS = 500;
const files = Array.from({ length: 10 }, (_, i) => `${directory}/${i}.db`);

async function openAndForget(file: string): Promise<void> {
  const client = createClient({ url: `file:${file}` });
  await client.execute("pragma journal_mode = wal");
  await client.execute("create table t (a)");
  if (way === "transaction") {
    const transaction = await client.transaction("write");
    await transaction.execute("insert into t values (1)");
  }
}

/** The client is held by nothing but its own call. */
function callAndForget(file: string): Promise<unknown> {
  return createClient({ url: `file:${file}` }).execute(countTo(1_000_000));
}

const answer = way === "pending call" ? callAndForget(`${directory}/pending.db`) : undefined;
for (const file of files) await openAndForget(file);

// The last connection to be closed takes the -wal along.
const open = (): number => files.filter((file) => existsSync(`${file}-wal`)).length;
const before = open();
for (let turn = 0; turn < TURNS && open() > 0; turn++) {
  globalThis.gc?.();
  await new Promise(setImmediate);
}
if (answer !== undefined) await answer;
console.log(JSON.stringify({ before, after: open() }));
