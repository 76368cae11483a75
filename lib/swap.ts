/** `latchdb/swap`: files, replaced atomically. */
import { fsyncDirectory, fsyncFile, removeWithRetry, renameDurably } from "./swap/by-hand";
import { SwapError } from "./swap/errors";
import { swapFile } from "./swap/swap-file";

export { fsyncDirectory, fsyncFile, removeWithRetry, renameDurably, SwapError, swapFile };

// The public types are written by hand: this is where they are held to what is there.
({
  fsyncDirectory,
  fsyncFile,
  removeWithRetry,
  renameDurably,
  SwapError,
  swapFile,
}) satisfies typeof import("../swap.js");
