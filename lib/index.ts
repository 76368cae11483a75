/** The entry points `latchdb` and `latchdb/node`: the exports of `@libsql/client`, and our own. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import type { LatchConfig } from "../index.js";
import { parseConfig } from "./client/config";
import { schemeNotSupported } from "./client/errors";
import { shutdownAll } from "./client/shutdown-all";
import { terminateWorker } from "./client/terminate-worker";
import type { Sqlite3Client } from "./local/client";
import { createLocalClient } from "./local/create-client";
import "./local/native/peers";

/** Makes a client of the backend that the URL's scheme selects. */
function createClient(config: LatchConfig): Sqlite3Client {
  const expanded = parseConfig(config);
  switch (expanded.scheme) {
    case "file":
      return createLocalClient(expanded);
    default:
      throw schemeNotSupported(expanded.scheme, config.url);
  }
}

export { createClient, LibsqlBatchError, LibsqlError, shutdownAll, terminateWorker };
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
