// Not the default import: Vitest, with the package inlined, has only a part of the exports in it.
import * as latchdb from "./index.js";

// One class of errors for both ways of loading: this is the CommonJS module's.
export const {
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
  sql,
  swapDatabase,
  SwapError,
  swapFile,
  terminateWorker,
} = latchdb;
