import latchdb from "./index.js";

// One class of errors for both ways of loading: this is the CommonJS module's.
export const {
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
} = latchdb;
