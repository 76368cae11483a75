// Opens, migrates, closes and renames: what a single-file program does with its database.
import { existsSync, renameSync } from "node:fs";
import { createClient } from "latchdb";

async function make(file, name) {
  const client = createClient({ url: `file:${file}` });
  await client.execute("PRAGMA journal_mode = wal");
  await client.migrate([
    "CREATE TABLE place (name TEXT)",
    "ALTER TABLE place ADD COLUMN population INTEGER",
    { sql: "INSERT INTO place VALUES (?, 1)", args: [name] },
  ]);
  return client;
}

const old = await make("places.db", "old");
const next = await make("places-next.db", "new");
next.close();
old.close();
renameSync("places-next.db", "places.db");
await old.reconnect();
const { rows } = await old.execute("SELECT name, population FROM place");
old.close();
const leftovers = ["places.db-wal", "places.db-shm", "places-next.db-wal"].filter(existsSync);
console.log(JSON.stringify({ rows, leftovers }));
