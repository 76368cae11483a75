import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { SwapError } from "latchdb/swap";
import { temporaryDirectory } from "../support/database.mjs";

/** A target with the content "old", alone in a directory of its own. */
export interface Folder {
  directory: string;
  target: string;
  /** A path in another directory. */
  elsewhere(name: string): string;
  names(): Promise<string[]>;
  content(): Promise<string>;
}

export async function folderWithTarget(t: ExecutionContext): Promise<Folder> {
  const directory = await temporaryDirectory(t);
  const other = await temporaryDirectory(t);
  const target = join(directory, "target.node");
  await writeFile(target, "old");
  return {
    directory,
    target,
    elsewhere: (name) => join(other, name),
    names: async () => (await readdir(directory)).sort(),
    content: () => readFile(target, "utf8"),
  };
}

/** The target is as it was, and nothing is left beside it. */
export async function assertUntouched(t: ExecutionContext, folder: Folder): Promise<void> {
  t.is(await folder.content(), "old");
  t.deepEqual(await folder.names(), ["target.node"]);
}

/** The SwapError that a call fails with. */
export async function swapError(
  t: ExecutionContext,
  action: () => Promise<unknown>,
): Promise<SwapError> {
  const error = await t.throwsAsync(action, { instanceOf: SwapError });
  t.is(error.name, "SwapError");
  t.true(error.message.startsWith(`${error.code}: `), error.message);
  t.true(error.message.includes(error.path), error.message);
  return error;
}
