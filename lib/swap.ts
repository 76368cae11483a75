/** The entry point `latchdb/swap`: atomic replacement of files and databases. */
import { openFile } from "./local/client";
import { fsyncDirectory, fsyncFile, removeWithRetry, renameDurably } from "./local/swap/by-hand";
import { copyDatabase } from "./local/swap/database/copy-database";
import { swapDatabase as swapDatabaseWith } from "./local/swap/database/database-swap";
import { recover } from "./local/swap/database/reports";
import { SwapError } from "./local/swap/errors";
import { swapFile } from "./local/swap/swap-file";
import type { DatabaseSwapOptions, DatabaseSwapResult } from "../swap.js";

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

// The public types are written by hand: the compiler checks here that the exports have these types.
({}) as typeof import("./swap") satisfies typeof import("../swap.js");
