/**
 * Says "ready"; when it is told to go, takes over the vector indexes of libSQL in a file, says "done" and ends.
 * Arguments: the file, and `option` or `command`, the ways to do so.
 */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { createClient } from "latchdb";
import { program } from "../command.mjs";

const [file = "", how = "option"] = process.argv.slice(2);

console.log("ready");
await once(createInterface({ input: process.stdin }), "line");
process.on("exit", () => console.log("done"));
if (how === "command") {
  process.argv.splice(1, Infinity, program, "adopt", file);
  await import(program);
} else {
  const client = createClient({ url: `file:${file}`, adoptVectorIndexes: true });
  await client.execute("select count(*) from t");
  client.close();
}
process.stdin.destroy();
