/** Opens and closes a database again and again, and reports what has grown meanwhile, as JSON. */
import { readdirSync } from "node:fs";
import { createClient } from "latchdb";
import { countDescriptors, hasProc } from "../open-files.mjs";

const WARM_UP = 200;
const CYCLES = 1000;

const [file, mode] = process.argv.slice(2);
const url = `file:${file}`;

async function cycle(number: number): Promise<void> {
  const client = createClient({ url });
  await client.execute("pragma synchronous = off");
  const { rows } = await client.execute("select count(*) from t");
  if (rows.length !== 1) throw new Error("no answer");
  const transaction = await client.transaction("write");
  await transaction.execute({ sql: "update t set a = ?", args: [number] });
  await (number % 2 === 0 ? transaction.commit() : Promise.resolve());
  client.close();
}

async function measure(): Promise<{ descriptors: number; threads: number; bytes: number }> {
  // What was collected is given back over some turns of the event loop.
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await new Promise(setImmediate);
  }
  return {
    descriptors: hasProc ? countDescriptors() : 0,
    threads: hasProc ? readdirSync("/proc/self/task").length : 0,
    bytes: process.memoryUsage.rss(),
  };
}

const first = createClient({ url });
await first.execute(`pragma journal_mode = ${mode}`);
await first.batch(["create table t (a)", "insert into t values (0)"]);
first.close();

for (let i = 0; i < WARM_UP; i++) await cycle(i);
const before = await measure();
const began = performance.now();
for (let i = 0; i < CYCLES; i++) await cycle(i);
const ms = Math.round(performance.now() - began);
const after = await measure();
console.log(
  JSON.stringify({
    descriptors: hasProc ? after.descriptors - before.descriptors : null,
    // The runtime's own helpers may have ended meanwhile.
    threads: hasProc ? Math.max(0, after.threads - before.threads) : null,
    megabytes: (after.bytes - before.bytes) / 2 ** 20,
    ms,
  }),
);
