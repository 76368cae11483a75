/** `@tursodatabase/database`, a database of its own that reads SQLite's files. */
import { connect } from "@tursodatabase/database";
import { versionOf } from "./version-of.mjs";

/** @type {import("./index.mjs").Adapter["load"]} */
export async function load() {
  return {
    kind: "promise",
    version: versionOf("@tursodatabase/database"),
    async open(path, pragmas) {
      const connection = await connect(path);
      for (const pragma of pragmas) await connection.exec(pragma);
      return database(connection);
    },
  };
}

/** @returns {import("./index.mjs").Database} */
function database(connection) {
  return {
    // A call binds its arguments to the statement at once, also while another call runs.
    prepare: (sql, { overlaps } = { overlaps: false }) =>
      overlaps ? statementForEachCall(connection, sql) : connection.prepare(sql),
    exec: (sql) => connection.exec(sql),
    batch: (sql, rows) =>
      connection.batch(
        rows.map((args) => ({ sql, args })),
        "write",
      ),
    transaction: (work) =>
      connection
        .transactionAsync((transaction) => work((sql) => transaction.prepare(sql)))
        .immediate(),
    row: (answer) => answer,
    rows: (answer) => answer,
    close: () => connection.close(),
  };
}

function statementForEachCall(connection, sql) {
  return {
    get: (...args) => connection.get(sql, ...args),
    all: (...args) => connection.all(sql, ...args),
    run: (...args) => connection.run(sql, ...args),
  };
}
