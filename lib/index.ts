/** `latchdb`, `latchdb/node`: what `@libsql/client` exports. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import { createClient } from "./client/create-client";
import { shutdownAll } from "./environment/shutdown-all";
import { terminateWorker } from "./environment/terminate-worker";
import {
  fsyncDirectory,
  fsyncFile,
  removeWithRetry,
  renameDurably,
  swapFile,
  SwapError,
} from "./swap";

export {
  createClient,
  fsyncDirectory,
  fsyncFile,
  LibsqlBatchError,
  LibsqlError,
  removeWithRetry,
  renameDurably,
  shutdownAll,
  SwapError,
  swapFile,
  terminateWorker,
};

// The public types are written by hand: this is where they are held to what is there.
({
  createClient,
  fsyncDirectory,
  fsyncFile,
  LibsqlBatchError,
  LibsqlError,
  removeWithRetry,
  renameDurably,
  shutdownAll,
  SwapError,
  swapFile,
  terminateWorker,
}) satisfies typeof import("../index.js");
