/**
 * Says "ready"; when it is told to go, writes to a database by several clients at once, each of which awaits its
 * writes, and prints how many succeeded, the codes of those that did not, and the longest wait in ms.
 */
import { once } from "node:events";
import { createClient } from "latchdb";

const [url = "", clients = "4", writes = "25"] = process.argv.slice(2);
const all = Array.from({ length: Number(clients) }, () => createClient({ url, timeout: 120_000 }));
console.log("ready");
await once(process.stdin, "data");
let done = 0;
let longest = 0;
const codes: string[] = [];
await Promise.all(
  all.map(async (client) => {
    for (let i = 0; i < Number(writes); i++) {
      const began = performance.now();
      try {
        await client.execute({ sql: "insert into t values (?)", args: [process.pid] });
        done++;
      } catch (error) {
        codes.push((error as { code: string }).code);
      }
      longest = Math.max(longest, performance.now() - began);
    }
  }),
);
for (const client of all) client.close();
console.log(JSON.stringify({ done, codes, longest }));
process.stdin.destroy();
