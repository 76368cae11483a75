/** `latchdb/swap`: files and databases, replaced atomically. */
import { openFile } from "./client/client";
import { fsyncDirectory, fsyncFile, removeWithRetry, renameDurably } from "./swap/by-hand";
import { copyDatabase } from "./swap/database/copy-database";
import { swapDatabase as swapDatabaseWith } from "./swap/database/database-swap";
import { recover } from "./swap/database/reports";
import { SwapError } from "./swap/errors";
import { swapFile } from "./swap/swap-file";
import type { DatabaseSwapOptions, DatabaseSwapResult } from "../types/swap.js";

export function swapDatabase(
  target: string,
  options: DatabaseSwapOptions,
): Promise<DatabaseSwapResult> {
  return swapDatabaseWith(target, options, openFile);
}

export {
  copyDatabase,
  fsyncDirectory,
  fsyncFile,
  recover,
  removeWithRetry,
  renameDurably,
  SwapError,
  swapFile,
};

// The public types are written by hand: this is where they are held to what is there.
({
  copyDatabase,
  fsyncDirectory,
  fsyncFile,
  recover,
  removeWithRetry,
  renameDurably,
  swapDatabase,
  SwapError,
  swapFile,
}) satisfies typeof import("../types/swap.js");
