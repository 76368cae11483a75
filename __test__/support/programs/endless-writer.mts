/** Writes one row after the other and prints each number once its commit is acknowledged. */
import { createClient } from "latchdb";

const [file, mode] = process.argv.slice(2);
const client = createClient({ url: `file:${file}` });
await client.execute(`pragma journal_mode = ${mode}`);
await client.execute("create table t (id integer primary key)");
for (let id = 1; ; id++) {
  await client.execute({ sql: "insert into t values (?)", args: [id] });
  console.log(String(id));
}
