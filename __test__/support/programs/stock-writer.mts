/** Runs statements with the stock client, one after the other. Arguments: the file, the statements. */
import { createClient } from "@libsql/client";

const [file = "", ...statements] = process.argv.slice(2);
const client = createClient({ url: `file:${file}` });
for (const sql of statements) await client.execute(sql);
client.close();
