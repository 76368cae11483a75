/**
 * The process of the stock client: two copies of SQLite in one process would drop each other's locks.
 * Argument: a file, or `:memory:`. Reads statements as JSON, one a line; prints the answers.
 */
import { createInterface } from "node:readline";
import { createClient } from "@libsql/client";
import { answer } from "./answers.mjs";

const [file = ":memory:"] = process.argv.slice(2);
const client = createClient({ url: file === ":memory:" ? file : `file:${file}` });
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(client, JSON.parse(line) as string)));
}
client.close();
