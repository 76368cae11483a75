/**
 * The process of the stock client: two copies of SQLite in one process would drop each other's locks.
 * Argument: a file, or `:memory:`. Reads statements as JSON, one a line; prints the answers. `null` opens the database anew.
 */
import { createInterface } from "node:readline";
import { createClient } from "@libsql/client";
import { answer } from "./answers.mjs";

const [file = ":memory:"] = process.argv.slice(2);
const open = () => createClient({ url: file === ":memory:" ? file : `file:${file}` });
let client = open();
for await (const line of createInterface({ input: process.stdin })) {
  const sql = JSON.parse(line) as string | null;
  if (sql === null) {
    client.close();
    client = open();
  }
  console.log(JSON.stringify(sql === null ? "" : await answer(client, sql)));
}
client.close();
