import { rmSync } from "node:fs";
import { createClient, LibsqlError } from "@libsql/client";
import { Sqlite3Client } from "@libsql/client/sqlite3";
import required from "./required.cjs";

// No top-level await, for CommonJS.
rmSync("program.db", { force: true });
const client = createClient({ url: "file:program.db" });
client
  .execute("CREATE TABLE t (a)")
  .then(() => client.execute({ sql: "INSERT INTO t VALUES (?)", args: ["hello"] }))
  .then(() => client.execute("SELECT a FROM t"))
  .then(async ({ rows }) => {
    const error = await client.execute("nonsense").catch((reason) => reason);
    client.close();
    const isOne = [
      client instanceof Sqlite3Client,
      error instanceof LibsqlError,
      error instanceof required.LibsqlError,
    ];
    console.log(rows[0].a, error.code, ...isOne);
  });
