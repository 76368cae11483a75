// Not the default import: Vitest, with the package inlined, has only a part of the exports in it.
import * as swap from "./swap.js";

// One class of errors for both ways of loading: this is the CommonJS module's.
export const {
  copyDatabase,
  fsyncDirectory,
  fsyncFile,
  recover,
  removeWithRetry,
  renameDurably,
  swapDatabase,
  SwapError,
  swapFile,
} = swap;
