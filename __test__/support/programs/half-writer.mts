/** Writes all rows of the table `t` of a database, more than its cache holds, and does not commit. */
import { createClient } from "latchdb";

const [file] = process.argv.slice(2);
const client = createClient({ url: `file:${file}` });
await client.execute("pragma cache_size = 5");
const transaction = await client.transaction("write");
await transaction.execute("update t set a = randomblob(2000)");
console.log("written");
process.stdin.resume();
