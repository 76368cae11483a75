/** Commits some rows when it is told to, and tells a trace by a mark of each that was acknowledged. */
import { once } from "node:events";
import { openSync } from "node:fs";
import { createInterface } from "node:readline";
import { createClient } from "latchdb";
import { MARK } from "../../crash-states/index.mjs";

const [file = "", synchronous = "full"] = process.argv.slice(2);

function mark(name: string): void {
  try {
    openSync(MARK + name, "r");
  } catch {
    // It is nowhere; the trace has it.
  }
}

console.log("ready");
await once(createInterface({ input: process.stdin }), "line");
const client = createClient({ url: `file:${file}`, concurrency: 1 });
await client.execute(`pragma synchronous = ${synchronous}`);
for (const row of [1, 2]) {
  await client.execute(`insert into t values (${row}, zeroblob(1500))`);
  mark(`${row}`);
}
client.close();
console.log("done");
process.stdin.destroy();
