// Not the default import: Vitest, with the package inlined, has only a part of the exports in it.
import * as sqlite3 from "./sqlite3.js";

// One class of errors for both ways of loading: this is the CommonJS module's.
export const {
  _createClient,
  ConnectionPool,
  createClient,
  LibsqlBatchError,
  LibsqlError,
  shutdownAll,
  sql,
  Sqlite3Client,
  Sqlite3Transaction,
  terminateWorker,
} = sqlite3;
