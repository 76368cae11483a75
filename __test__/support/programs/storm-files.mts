/**
 * The databases of a storm. `prepare DELETE WAL BLOCKED` makes them; `verify LEDGER DELETE WAL
 * BLOCKED` prints what is wrong with them as JSON: a list of sentences.
 */
import { readFileSync } from "node:fs";
import { createClient } from "latchdb";

const [command, ...files] = process.argv.slice(2);

if (command === "prepare") {
  for (const [i, file] of files.entries()) {
    const client = createClient({ url: `file:${file}` });
    await client.execute(`pragma journal_mode = ${i === 1 ? "wal" : "delete"}`);
    await client.execute("create table t (id integer primary key)");
    client.close();
  }
} else {
  const [ledgerFile = "", ...databases] = files;
  const ledger = JSON.parse(readFileSync(ledgerFile, "utf8")) as number[];
  const found = new Set<number>();
  const failures: string[] = [];
  for (const file of databases) {
    const client = createClient({ url: `file:${file}` });
    const integrity = (await client.execute("pragma integrity_check")).rows[0]?.[0];
    if (integrity !== "ok") failures.push(`${file}: ${String(integrity)}`);
    for (const row of (await client.execute("select id from t")).rows) found.add(Number(row[0]));
    client.close();
  }
  const lost = ledger.filter((id) => !found.has(id));
  if (lost.length > 0) failures.push(`acknowledged and lost: ${lost.join(", ")}`);
  console.log(JSON.stringify(failures));
}
