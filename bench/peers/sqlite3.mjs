/** The package `sqlite3`: callbacks, here as promises. */
import { promisify } from "node:util";
import sqlite3 from "sqlite3";
import { versionOf } from "./version-of.mjs";

/** @type {import("./index.mjs").Adapter["load"]} */
export async function load() {
  return {
    kind: "promise",
    version: versionOf("sqlite3"),
    async open(path, pragmas) {
      const connection = await new Promise((resolve, reject) => {
        const opened = new sqlite3.Database(path, (error) =>
          error === null ? resolve(opened) : reject(error),
        );
      });
      const database = databaseOf(connection);
      for (const pragma of pragmas) await database.exec(pragma);
      return database;
    },
  };
}

/** @returns {import("./index.mjs").Database} */
function databaseOf(connection) {
  const exec = promisify(connection.exec.bind(connection));
  const statements = new Set();
  const prepare = (sql) => {
    const statement = connection.prepare(sql);
    statements.add(statement);
    return {
      get: promisify(statement.get.bind(statement)),
      all: promisify(statement.all.bind(statement)),
      run: promisify(statement.run.bind(statement)),
    };
  };
  return {
    prepare,
    exec,
    async batch(sql, rows) {
      await exec("BEGIN");
      const statement = connection.prepare(sql);
      for (const args of rows) statement.run(args);
      // It comes behind all of them.
      await new Promise((resolve, reject) => {
        statement.finalize((error) => (error ? reject(error) : resolve()));
      });
      await exec("COMMIT");
    },
    async transaction(work) {
      await exec("BEGIN IMMEDIATE");
      await work(prepare);
      await exec("COMMIT");
    },
    row: (answer) => answer,
    rows: (answer) => answer,
    async close() {
      for (const statement of statements) statement.finalize();
      await promisify(connection.close.bind(connection))();
    },
  };
}
