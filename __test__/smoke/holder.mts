/** A process that has a database open until its stdin ends. It says so. */
import { createRequire } from "node:module";
import type * as Package from "latchdb";

const [packageFolder = "", file = ""] = process.argv.slice(2);
const { createClient } = createRequire(import.meta.url)(packageFolder) as typeof Package;

const client = createClient({ url: `file:${file}` });
await client.execute("CREATE TABLE IF NOT EXISTS t (a)");
process.stdout.write("open");
process.stdin.resume().on("end", () => {
  client.close();
  process.exit();
});
