/** The API that the two versions of better-sqlite3 and bun:sqlite share. */

/**
 * @param {(path: string) => any} connect
 * @param {string} version
 * @returns {import("./index.mjs").Peer}
 */
export function betterSqlite3Shape(connect, version) {
  return {
    kind: "sync",
    version,
    open(path, pragmas) {
      const connection = connect(path);
      for (const pragma of pragmas) connection.exec(pragma);
      return database(connection);
    },
  };
}

/** @returns {import("./index.mjs").Database} */
function database(connection) {
  const prepare = (sql) => connection.prepare(sql);
  return {
    prepare,
    exec: (sql) => connection.exec(sql),
    batch(sql, rows) {
      const statement = prepare(sql);
      connection.transaction(() => {
        for (const args of rows) statement.run(...args);
      })();
    },
    transaction: (work) => connection.transaction(() => work(prepare)).immediate(),
    row: (answer) => answer,
    rows: (answer) => answer,
    close: () => connection.close(),
  };
}
