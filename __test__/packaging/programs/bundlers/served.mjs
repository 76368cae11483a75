import { createRequire } from "node:module";
import { createClient, LibsqlError } from "@libsql/client";

async function main() {
  const client = createClient({ url: ":memory:" });
  const { rows } = await client.execute("SELECT 'hello' AS a");
  const error = await client.execute("nonsense").catch((reason) => reason);
  client.close();
  // What a package that is not inlined gets.
  const native = createRequire(import.meta.url)("@libsql/client");
  const isOne = [error instanceof LibsqlError, error instanceof native.LibsqlError];
  console.log(rows[0].a, error.code, ...isOne);
}

export const done = main();
