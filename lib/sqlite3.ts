/** `latchdb/sqlite3`: the local client and its parts. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import { Sqlite3Client } from "./client/client";
import { createClient, createClientFrom as _createClient } from "./client/create-client";
import { Sqlite3Transaction } from "./client/transaction";
import { shutdownAll } from "./environment/shutdown-all";
import { terminateWorker } from "./environment/terminate-worker";
import { ConnectionPool } from "./pool/connection-pool";

export {
  _createClient,
  ConnectionPool,
  createClient,
  LibsqlBatchError,
  LibsqlError,
  shutdownAll,
  Sqlite3Client,
  Sqlite3Transaction,
  terminateWorker,
};
