/**
 * Runs statements on a client of its own, one after the other, and prints a line of JSON for each: the
 * result set, or the error. Arguments: the URL, and the statements as JSON.
 */
import { createClient } from "latchdb";
import type { LibsqlError } from "latchdb";

const [url = "", statements = "[]"] = process.argv.slice(2);
const client = createClient({ url });
for (const sql of JSON.parse(statements) as string[]) {
  try {
    console.log(JSON.stringify(await client.execute(sql)));
  } catch (error) {
    const { code, message } = error as LibsqlError;
    console.log(JSON.stringify({ code, message }));
  }
}
client.close();
