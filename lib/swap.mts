import swap from "./swap.js";

// One class of errors for both ways of loading: this is the CommonJS module's.
export const { fsyncDirectory, fsyncFile, removeWithRetry, renameDurably, SwapError, swapFile } =
  swap;
