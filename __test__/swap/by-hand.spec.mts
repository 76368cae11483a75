// The steps of a swap one by one, for those who move files themselves.

import { mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { fsyncDirectory, fsyncFile, removeWithRetry, renameDurably } from "latchdb/swap";
import { folderWithTarget, swapError } from "./folder.mjs";

test("fsyncFile and fsyncDirectory sync what is there, and say what is not", async (t) => {
  const { directory, target } = await folderWithTarget(t);
  await fsyncFile(target);
  await fsyncDirectory(directory);
  const missing = join(directory, "missing");
  t.like(await swapError(t, () => fsyncFile(missing)), {
    code: "FILE_MISSING",
    step: "sync",
    path: missing,
    committed: false,
  });
  t.like(await swapError(t, () => fsyncDirectory(missing)), { step: "sync-directory" });
  t.is((await swapError(t, () => fsyncFile(directory))).code, "IS_DIRECTORY");
  t.is((await swapError(t, () => fsyncDirectory(target))).code, "NOT_A_DIRECTORY");
  t.is((await swapError(t, () => fsyncFile("/dev/null"))).code, "NOT_A_FILE");
});

test("renameDurably takes a file to its new name, over another one and into another directory", async (t) => {
  const { directory, target, elsewhere } = await folderWithTarget(t);
  const over = join(directory, "over");
  await writeFile(over, "replaced");
  await renameDurably(target, over);
  t.is(await readFile(over, "utf8"), "old");
  await renameDurably(over, elsewhere("moved"));
  t.deepEqual(await readdir(directory), []);
  t.is(await readFile(elsewhere("moved"), "utf8"), "old");
});

test("renameDurably: what cannot be renamed stays", async (t) => {
  const folder = await folderWithTarget(t);
  const { directory, target } = folder;
  const nowhere = join(directory, "missing", "a");
  t.like(await swapError(t, () => renameDurably(target, nowhere)), {
    step: "rename",
    errno: "ENOENT",
    committed: false,
  });
  const isDirectory = join(directory, "directory");
  await mkdir(isDirectory);
  const error = await swapError(t, () => renameDurably(target, isDirectory));
  t.like(error, { step: "rename", errno: "EISDIR", committed: false });
  t.is(await folder.content(), "old");
});

test("removeWithRetry says whether there was something to remove", async (t) => {
  const { directory, target, elsewhere } = await folderWithTarget(t);
  await symlink(target, elsewhere("link"));
  t.true(await removeWithRetry(elsewhere("link")));
  t.true(await removeWithRetry(target));
  t.false(await removeWithRetry(target));
  t.is((await swapError(t, () => removeWithRetry(directory))).code, "IS_DIRECTORY");
});

test("what is no path is a TypeError", async (t) => {
  for (const path of ["", "a\0", undefined as unknown as string]) {
    const calls = [
      () => fsyncFile(path),
      () => fsyncDirectory(path),
      () => renameDurably(path, "a"),
      () => renameDurably("a", path),
      () => removeWithRetry(path),
      () => removeWithRetry("a", { retryMs: -1 }),
    ];
    for (const call of calls) await t.throwsAsync(call, { instanceOf: TypeError });
  }
});
