/** Another SQLite in this process: its locks and ours do not know each other. */
import { createRequire } from "node:module";

/** A database that it has open. */
export interface OtherDatabase {
  exec(statements: string): unknown;
  close(): void;
}

/** Opens a database with the runtime's own SQLite, or else with libsql's. */
export function openElsewhere(file: string): OtherDatabase {
  const require = createRequire(import.meta.url);
  type Constructor = new (file: string) => OtherDatabase;
  if (process.versions["bun"] !== undefined) {
    const { Database } = require("bun:sqlite") as { Database: Constructor };
    return new Database(file);
  }
  const Database = createRequire(require.resolve("@libsql/client"))("libsql") as Constructor;
  return new Database(file);
}
