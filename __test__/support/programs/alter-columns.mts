/**
 * Says "ready"; when it is told to go, alters a column again and again, each time to another definition, and prints
 * the number of each call that was acknowledged.
 */
import { writeSync } from "node:fs";
import { once } from "node:events";
import { createClient } from "latchdb";

const [file = "", calls = "2"] = process.argv.slice(2);

console.log("ready");
await once(process.stdin, "data");
const client = createClient({ url: `file:${file}` });
for (let i = 1; i <= Number(calls); i++) {
  await client.execute(
    `alter table t alter column b to b text collate ${i % 2 === 1 ? "nocase" : "binary"} default ${i}`,
  );
  // Written at once: the next moment may be the last one.
  writeSync(1, `${i}\n`);
}
client.close();
process.stdin.destroy();
