/**
 * Opens a database, reads it, says "ready" and stays idle. Told "write ID" it adds that row and says so;
 * told "read" it says what the database is; told "close" it ends.
 */
import { createInterface } from "node:readline";
import { createClient } from "@libsql/client";
import { addOne, describe } from "../ledger/ledger.mjs";

const [file = ""] = process.argv.slice(2);
// The stock one: what is promised holds for whoever has the database open.
const client = createClient({ url: `file:${file}` });
await describe(client);
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const [command, id] = line.split(" ");
  if (command === "close") break;
  if (command === "write") await addOne(client, Number(id));
  console.log(command === "read" ? `it is ${await describe(client)}` : `${line}: done`);
}
process.exit();
