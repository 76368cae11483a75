/**
 * Adds rows to a database one by one, from a number on, each in a transaction of its own, and prints the
 * number of each that was acknowledged. Whoever locks the database is waited for. When it is told to stop
 * it says "stopped", and ends.
 */
import { setTimeout } from "node:timers/promises";
import { createClient, LibsqlError, type LocalClient } from "latchdb";
import { addOne } from "../ledger/ledger.mjs";

const [file = "", first = "1", how = "keep"] = process.argv.slice(2);
const over = new AbortController();
process.stdin.once("data", () => over.abort());

const open = (): LocalClient => createClient({ url: `file:${file}`, timeout: 20_000 });

async function write(id: number, client: LocalClient): Promise<boolean> {
  try {
    await addOne(client, id);
    return true;
  } catch (error) {
    // Not acknowledged: it is tried again, unless it turns out to be there.
    if (!(error instanceof LibsqlError)) throw error;
    if (error.code === "SQLITE_CONSTRAINT") return true;
    if (error.code === "SQLITE_BUSY" || error.code === "SQLITE_SCHEMA") return false;
    // It has opened the old file in the very instant of the rename: SQLite does not let it write.
    if (error.extendedCode !== "SQLITE_READONLY_DBMOVED") throw error;
    console.log("moved");
    return false;
  }
}

const kept = how === "keep" ? open() : undefined;
console.log("ready");
for (let id = Number(first); !over.signal.aborted;) {
  const client = kept ?? open();
  if (await write(id, client)) console.log(`${id++}`);
  if (client !== kept) client.close();
  // Now and then nobody has it open, for less or more than a swap takes.
  await setTimeout(kept === undefined ? Math.random() * 60 : 2);
}
kept?.close();
console.log("stopped");
process.stdin.destroy();
