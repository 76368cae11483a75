/** `latchdb`, `latchdb/node`: what `@libsql/client` exports. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import { createClient } from "./client/create-client";
import { shutdownAll } from "./environment/shutdown-all";
import { terminateWorker } from "./environment/terminate-worker";
import {
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

export {
  copyDatabase,
  createClient,
  fsyncDirectory,
  fsyncFile,
  LibsqlBatchError,
  LibsqlError,
  recover,
  removeWithRetry,
  renameDurably,
  shutdownAll,
  swapDatabase,
  SwapError,
  swapFile,
  terminateWorker,
};

// The public types are written by hand: this is where they are held to what is there.
({
  copyDatabase,
  createClient,
  fsyncDirectory,
  fsyncFile,
  LibsqlBatchError,
  LibsqlError,
  recover,
  removeWithRetry,
  renameDurably,
  shutdownAll,
  swapDatabase,
  SwapError,
  swapFile,
  terminateWorker,
}) satisfies typeof import("../index.js");
