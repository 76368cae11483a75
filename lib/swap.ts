/** The entry point `latchdb/swap`: atomic replacement of files and databases. */
import type { DatabaseSwapOptions, DatabaseSwapResult, PathInput } from "../types/swap.js";
import { openFile } from "./local/client";
import { swapDatabase as swapDatabaseWith } from "./local/swap/database/database-swap";

export { fsyncDirectory, fsyncFile, removeWithRetry, renameDurably } from "./local/swap/by-hand";
export { copyDatabase } from "./local/swap/database/copy-database";
export { recover } from "./local/swap/database/reports";
export { SwapError } from "./local/swap/errors";
export { swapFile } from "./local/swap/swap-file";

export function swapDatabase(
  target: PathInput,
  options: DatabaseSwapOptions,
): Promise<DatabaseSwapResult> {
  return swapDatabaseWith(target, options, openFile);
}

// The public types are written by hand: the compiler checks here that the exports have these types.
({}) as typeof import("./swap") satisfies typeof import("../types/swap.js");
