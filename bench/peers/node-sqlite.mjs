/** node:sqlite, a part of Node 22.5 and later. */
import { DatabaseSync } from "node:sqlite";

/** @type {import("./index.mjs").Adapter["load"]} */
export async function load() {
  return {
    kind: "sync",
    version: process.versions.node,
    open(path, pragmas) {
      const connection = new DatabaseSync(path);
      for (const pragma of pragmas) connection.exec(pragma);
      return database(connection);
    },
  };
}

/** @returns {import("./index.mjs").Database} */
function database(connection) {
  const prepare = (sql) => connection.prepare(sql);
  const transaction = (work) => {
    connection.exec("BEGIN IMMEDIATE");
    work(prepare);
    connection.exec("COMMIT");
  };
  return {
    prepare,
    exec: (sql) => connection.exec(sql),
    batch(sql, rows) {
      const statement = prepare(sql);
      transaction(() => {
        for (const args of rows) statement.run(...args);
      });
    },
    transaction,
    row: (answer) => answer,
    rows: (answer) => answer,
    close: () => connection.close(),
  };
}
