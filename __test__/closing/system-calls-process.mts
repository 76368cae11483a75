/** Opens a database in WAL mode, asks one query and closes it, three times. Marks the rounds by file names. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "latchdb";

const [folder = ""] = process.argv.slice(2);
const url = `file:${join(folder, "a.db")}`;

const first = createClient({ url });
await first.executeMultiple("pragma journal_mode = wal; create table t (id integer primary key)");
first.close();

for (let round = 0; round < 3; round++) {
  existsSync(join(folder, "round"));
  const client = createClient({ url });
  await client.execute("select id from t where id = 1");
  client.close();
}
existsSync(join(folder, "round"));
