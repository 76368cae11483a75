// db0, which Nuxt and Nitro have: two databases on one file, with a client each.
import { createDatabase } from "db0";
import libsql from "db0/connectors/libsql/node";
import { print, printOpen, printSuccesses, range, failure } from "../frameworks/print.mjs";

const [file] = process.argv.slice(2);
const databases = range(3).map(() => createDatabase(libsql({ url: `file:${file}` })));
const [first, second] = databases;

await printSuccesses(
  "tables",
  databases.map(
    (db) => db.sql`CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT, at REAL)`,
  ),
);
await printSuccesses(
  "inserts",
  databases.flatMap((db, d) =>
    range(20).map(
      (i) => db.sql`INSERT INTO notes VALUES (${d * 100 + i}, ${`note ${i}`}, ${i / 4})`,
    ),
  ),
);
await printSuccesses(
  "prepared",
  databases.flatMap((db, d) => {
    const update = db.prepare("UPDATE notes SET text = ? WHERE id = ?");
    return range(20).map((i) => update.run(`changed ${d}`, d * 100 + i));
  }),
);
print("rows", (await second.sql`SELECT count(*) n, count(DISTINCT text) texts FROM notes`).rows);
print("all", await first.prepare("SELECT * FROM notes WHERE at > ? ORDER BY id LIMIT 3").all(2));
print("get", await first.prepare("SELECT * FROM notes WHERE id = ?").bind(105).get());
// It copies the result's own properties.
const { rows, rowsAffected, columns } = await first
  .prepare("DELETE FROM notes WHERE id < ?")
  .run(5);
print("run", { rows, rowsAffected, columns });
print("unique", await failure(() => second.sql`INSERT INTO notes VALUES (${7}, ${"x"}, ${1})`));
for (const db of databases) await db.dispose();
printOpen("after close", file);
