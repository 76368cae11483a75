/** Shuts down twice, and prints after how many ms it ends. */
import { createClient } from "latchdb";

const client = createClient({ url: `file:${process.argv[2]}/test.db` });
await client.shutdown({ drain: true, timeoutMs: 60_000 });
await client.shutdown({ drain: true, timeoutMs: 60_000 });
const began = performance.now();
process.on("exit", () => console.log(performance.now() - began));
