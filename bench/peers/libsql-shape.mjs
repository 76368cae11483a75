/** The API that `@libsql/client` and latchdb share. */

/**
 * @param {typeof import("@libsql/client").createClient} createClient
 * @param {string} version
 * @returns {import("./index.mjs").Peer}
 */
export function libsqlShape(createClient, version) {
  return {
    kind: "promise",
    version,
    async open(path, pragmas) {
      const client = createClient({ url: `file:${path}` });
      for (const pragma of pragmas) await client.execute(pragma);
      return database(client);
    },
  };
}

/** @returns {import("./index.mjs").Database} */
function database(client) {
  return {
    prepare: (sql) => statementOf(client, sql),
    exec: (sql) => client.executeMultiple(sql),
    batch: (sql, rows) =>
      client.batch(
        rows.map((args) => ({ sql, args })),
        "write",
      ),
    async transaction(work) {
      const transaction = await client.transaction("write");
      try {
        await work((sql) => statementOf(transaction, sql));
        await transaction.commit();
      } finally {
        transaction.close();
      }
    },
    async hold(sql) {
      const transaction = await client.transaction("write");
      await transaction.execute(sql);
      return () => transaction.commit();
    },
    row: (answer) => answer.rows[0],
    rows: (answer) => answer.rows,
    close: () => client.close(),
  };
}

/** The API has no prepared statements: each call brings its SQL text. */
function statementOf(owner, sql) {
  const execute = (...args) => owner.execute({ sql, args });
  return { get: execute, all: execute, run: execute };
}
