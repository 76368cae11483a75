/** `latchdb`, `latchdb/node`: what `@libsql/client` exports. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import { createClient } from "./client/create-client";
import { shutdownAll } from "./environment/shutdown-all";
import { terminateWorker } from "./environment/terminate-worker";

export { createClient, LibsqlBatchError, LibsqlError, shutdownAll, terminateWorker };

// The public types are written by hand: this is where they are held to what is there.
({
  createClient,
  LibsqlBatchError,
  LibsqlError,
  shutdownAll,
  terminateWorker,
}) satisfies typeof import("../index.js");
