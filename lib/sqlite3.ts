/** The entry point `latchdb/sqlite3`: the local client and its parts. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import type { LatchConfig } from "../index.js";
import { parseConfig, type LocalConfig } from "./client/config";
import { shutdownAll } from "./client/shutdown-all";
import { sql } from "./client/sql";
import { terminateWorker } from "./client/terminate-worker";
import { Sqlite3Client } from "./local/client";
import { ConnectionPool } from "./local/connection-pool";
import { createLocalClient as _createClient } from "./local/create-client";
import "./local/native/peers";
import { Sqlite3Transaction } from "./local/transaction";

function createClient(config: LatchConfig): Sqlite3Client {
  return _createClient(parseConfig(config) as LocalConfig, config.url);
}

export {
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
};
