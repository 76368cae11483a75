/** Ends while its client is suspended. */
import { prepare } from "../queries.mjs";
import { openSuspendable } from "../suspension.mjs";

const [file = "", way] = process.argv.slice(2);
const { client, suspended } = openSuspendable(file);
await prepare(client, "wal");
void suspended(() => {
  console.log("suspended");
  if (way === "exit") process.exit(7);
  if (way === "throw")
    setImmediate(() => {
      throw new Error("on purpose");
    });
  // Nothing keeps the process alive.
  return new Promise(() => undefined);
});
void client.execute("select 1");
