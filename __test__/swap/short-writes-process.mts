/**
 * Runs in a mount namespace of its own, on a disk of 3 MB. Prints what became of a swap that has no
 * room as JSON, for `short-writes.spec.mts`.
 */
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SwapError, swapFile } from "latchdb/swap";

export interface ShortWrites {
  /** The error, or undefined where there was none. */
  error: { code: string; step: string; errno: string | undefined; committed: boolean } | undefined;
  isTargetOld: boolean;
  /** What is in the directory afterwards. */
  names: string[];
  /** Whether a file that fits is swapped then. */
  isSwappedAfterwards: boolean;
}

const [how = "", directory = "", source = ""] = process.argv.slice(2);
const target = join(directory, "target");
const old = Buffer.alloc(100_000, "old ");
const next = Buffer.alloc(200_000, "next ");
await writeFile(target, old);

async function replace(): Promise<unknown> {
  if (how === "source") return swapFile(target, { source });
  if (how === "data") return swapFile(target, { data: await readFile(source) });
  return copyFile(source, target);
}

const error = await replace().then(
  () => undefined,
  (thrown: unknown) => thrown,
);
if (error !== undefined && how !== "copy" && !(error instanceof SwapError)) throw error;
const left = await readFile(target).catch(() => undefined);
const isTargetOld = left?.equals(old) ?? false;
const names = await readdir(directory);
if (how === "copy") await writeFile(target, "");
await swapFile(target, { data: next });
const answer: ShortWrites = {
  error:
    error instanceof SwapError
      ? { code: error.code, step: error.step, errno: error.errno, committed: error.committed }
      : undefined,
  isTargetOld,
  names,
  isSwappedAfterwards: next.equals(await readFile(target)),
};
console.log(JSON.stringify(answer));
