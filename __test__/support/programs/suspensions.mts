/** Suspends a client again and again, and reports what has grown meanwhile, as JSON. */
import { readdirSync } from "node:fs";
import { countDescriptors, hasProc } from "../open-files.mjs";
import { prepare, type JournalMode } from "../queries.mjs";
import { openSuspendable, replaceBy } from "../suspension.mjs";

const WARM_UP = 100;
const SUSPENSIONS = 200;

const [file = "", mode = "delete"] = process.argv.slice(2) as [string, JournalMode];
const { client, suspended } = openSuspendable(file, { readers: 0 } as object);
await prepare(client, mode);

async function suspend(number: number): Promise<void> {
  const replaced = suspended((path) => replaceBy(path, mode, number));
  // Texts and shapes of rows that are new each time, beside those that stay.
  const queued = client.execute(`select a as name_${number} from t`);
  await replaced;
  const transaction = await client.transaction("write");
  await transaction.execute({ sql: "update t set a = ?", args: [number] });
  await transaction.commit();
  const { rows } = await client.execute("select a from t");
  if (rows[0]?.[0] !== number || (await queued).rows[0]?.[0] !== number) {
    throw new Error("not the file that was put there");
  }
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

for (let i = 0; i < WARM_UP; i++) await suspend(i);
const before = await measure();
const began = performance.now();
for (let i = 0; i < SUSPENSIONS; i++) await suspend(WARM_UP + i);
const ms = Math.round(performance.now() - began);
const after = await measure();
client.close();
console.log(
  JSON.stringify({
    descriptors: after.descriptors - before.descriptors,
    // The runtime's own helpers may have ended meanwhile.
    threads: Math.max(0, after.threads - before.threads),
    megabytes: (after.bytes - before.bytes) / 2 ** 20,
    ms,
  }),
);
