/** Forgets clients, has them collected, and shuts everything down. Prints the failures. */
import { createClient, shutdownAll } from "latchdb";

for (let i = 0; i < 50; i++) {
  await createClient({ url: `file:${process.argv[2]}/${i}.db` }).execute("select 1");
}
globalThis.gc?.();
await new Promise(setImmediate);
globalThis.gc?.();
await new Promise(setImmediate);
console.log((await shutdownAll()).failures.length);
