// Prints what `@libsql/client` is, as seen from the package that is named, or from the project.
const { createRequire } = require("node:module");

const [dependent] = process.argv.slice(2);
const from = dependent === undefined ? require : createRequire(require.resolve(dependent));
const { createClient, LibsqlError } = from("@libsql/client");
const { Sqlite3Client } = from("@libsql/client/sqlite3");

const client = createClient({ url: ":memory:" });
const isOfOnePiece = client instanceof Sqlite3Client;
const core = createRequire(from.resolve("@libsql/client"))("@libsql/core/api");
client.execute("NOT SQL").catch(async (error) => {
  const closed = await client.shutdown?.();
  console.log(
    JSON.stringify({
      name: from("@libsql/client/package.json").name,
      isOfOnePiece,
      isItsError: error instanceof LibsqlError,
      isCoresError: error instanceof core.LibsqlError,
      shutsDown: closed !== undefined,
    }),
  );
});
