/** The entry points `latchdb` and `latchdb/node`: the exports of `@libsql/client`, and our own. */
import { isMainThread } from "node:worker_threads";
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import type { LatchConfig } from "../index.js";
import { parseConfig, type LocalConfig } from "./client/config";
import { shutdownAll } from "./client/shutdown-all";
import { sql } from "./client/sql";
import { terminateWorker } from "./client/terminate-worker";
import type { Sqlite3Client } from "./local/client";
import { createLocalClient } from "./local/create-client";
import { beReachable } from "./local/native/peers";
import type { HttpClient } from "./remote/http/client";
import type { WsClient } from "./remote/ws/client";

/** Makes a client of the backend that the URL's scheme selects. */
function createClient(config: LatchConfig): Sqlite3Client | HttpClient | WsClient {
  const expanded = parseConfig(config);
  if (expanded.scheme === "file") return createLocalClient(expanded as LocalConfig, config.url);
  // A worker's host may shut it down by terminateWorker().
  if (!isMainThread) beReachable();
  // Loaded only here: the packages for the protocols take longer to load than a file to open.
  const { _createClient } = require("./web") as typeof import("./web");
  return _createClient(expanded, config.url);
}

export { createClient, LibsqlBatchError, LibsqlError, shutdownAll, sql, terminateWorker };
export {
  copyDatabase,
  fsyncDirectory,
  fsyncFile,
  recover,
  removeWithRetry,
  renameDurably,
  swapDatabase,
  SwapError,
  swapFile,
} from "./swap";

// The public types are written by hand: the compiler checks here that the exports have these types.
({}) as typeof import("./index") satisfies typeof import("../index.js");
