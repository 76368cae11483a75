/** Ends while its client is suspended, or after that. */
import { prepare } from "../queries.mjs";
import { openSuspendable } from "../suspension.mjs";

const A_DAY = 24 * 60 * 60 * 1000;

const [file = "", way] = process.argv.slice(2);
const { client, suspended } = openSuspendable(file);
await prepare(client, "wal");

async function action(): Promise<void> {
  console.log("suspended");
  if (way === "go on") return;
  if (way === "exit") process.exit(7);
  if (way === "throw") throwSoon();
  // Nothing keeps the process alive.
  await new Promise(() => undefined);
}

function throwSoon(): void {
  setImmediate(() => {
    throw new Error("on purpose");
  });
}

void suspended(action, { timeoutMs: A_DAY }).then(() => console.log("over"));
void client.execute("select 1");
