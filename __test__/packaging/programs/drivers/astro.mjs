// The clients of astro:db, and drizzle-kit's `push` into a file that they have open.
import { createClient as createRemote } from "@astrojs/db/db-client/libsql-node.js";
import { createClient as createLocal } from "@astrojs/db/db-client/libsql-local.js";
import { sql } from "drizzle-orm";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { print, printOpen, printSuccesses, range } from "../frameworks/print.mjs";

const [file] = process.argv.slice(2);
const kit = join(dirname(createRequire(import.meta.url).resolve("drizzle-kit")), "bin.cjs");
const absolute = pathToFileURL(resolve(file)).href;
const databases = [
  createLocal({ url: absolute }),
  createRemote({ url: `${absolute}?concurrency=3` }),
  createRemote({ url: `file:${file}` }),
];
const [local] = databases;

await local.run(sql`CREATE TABLE before (a)`);
await local.run(sql`DROP TABLE before`);
const config = fileURLToPath(new URL("drizzle.config.cjs", import.meta.url));
for (let i = 0; i < 2; i++) {
  execFileSync(process.execPath, [kit, "push", `--config=${config}`], {
    env: { ...process.env, FILE: file },
  });
}
print("schema", await local.all(sql`SELECT type, name, sql FROM sqlite_master ORDER BY name`));
await printSuccesses(
  "inserts",
  databases.flatMap((db, d) =>
    range(20).map((i) => db.run(sql`INSERT INTO pages (path, n) VALUES (${`/${d}/${i}`}, ${i})`)),
  ),
);
await printSuccesses(
  "batches",
  databases.map((db) =>
    db.batch(range(10).map(() => db.run(sql`UPDATE pages SET n = n + 1 WHERE path = '/0/0'`))),
  ),
);
print(
  "pages",
  await local.all(
    sql`SELECT count(*) n, max(n) most, (SELECT n FROM pages WHERE path = '/0/0') first FROM pages`,
  ),
);
for (const db of databases) db.$client.close();
printOpen("after close", file);
const memory = createRemote({ url: "memory:" });
await memory.run(sql`CREATE TABLE t (a)`);
print("memory", await memory.all(sql`SELECT count(*) n FROM t`));
