/**
 * Says "ready", sets right what a killed swap has left beside a database when it is told to, by
 * `recover` or by opening the database, says "done" and ends.
 */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { createClient } from "latchdb";
import { recover } from "latchdb/swap";
import { describe } from "../ledger/ledger.mjs";

const [target = "", how = "recover"] = process.argv.slice(2);

console.log("ready");
await once(createInterface({ input: process.stdin }), "line");
if (how === "recover") {
  console.log(JSON.stringify(await recover(target)));
} else {
  const client = createClient({ url: `file:${target}` });
  console.log(await describe(client));
  client.close();
}
console.log("done");
process.stdin.destroy();
