/** `latchdb/sqlite3`: the local client and its parts. */
export { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
export { Sqlite3Client } from "./client/client";
export { createClient, createClientFrom as _createClient } from "./client/create-client";
export { Sqlite3Transaction } from "./client/transaction";
export { ConnectionPool } from "./pool/connection-pool";
