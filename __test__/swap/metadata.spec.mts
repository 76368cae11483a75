// What stays of the file that is replaced: owner, mode, links, and the inode where nothing changes.

import { chmod, chown, link, lstat, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import test from "ava";
import { swapFile } from "latchdb/swap";
import { folderWithTarget, swapError } from "./folder.mjs";

const modeOf = async (path: string): Promise<string> =>
  ((await stat(path)).mode & 0o7777).toString(8);

for (const mode of [0o400, 0o640, 0o755, 0o4755]) {
  test(`mode ${mode.toString(8)} is kept`, async (t) => {
    const { target } = await folderWithTarget(t);
    await chmod(target, mode);
    await swapFile(target, { data: "new" });
    t.is(await modeOf(target), mode.toString(8));
  });
}

test("mode is what is asked for, whatever it was and whatever prepare made of it", async (t) => {
  const { target } = await folderWithTarget(t);
  await swapFile(target, { data: "new", mode: 0o751, prepare: (path) => chmod(path, 0o444) });
  t.is(await modeOf(target), "751");
});

test.serial("a new file has the permissions of new files here", async (t) => {
  const { elsewhere } = await folderWithTarget(t);
  for (const umask of [0o022, 0o027, 0o077]) {
    const before = process.umask(umask);
    try {
      await writeFile(elsewhere(`plain ${umask}`), "");
      await swapFile(elsewhere(`swapped ${umask}`), { data: "new" });
    } finally {
      process.umask(before);
    }
    t.is(await modeOf(elsewhere(`swapped ${umask}`)), await modeOf(elsewhere(`plain ${umask}`)));
  }
});

test("a new file has the permissions that prepare gives it", async (t) => {
  const { target, elsewhere } = await folderWithTarget(t);
  const prepare = (path: string): Promise<void> => chmod(path, 0o755);
  await swapFile(elsewhere("tool"), { data: "#!/bin/sh", prepare });
  t.is(await modeOf(elsewhere("tool")), "755");
  const before = await modeOf(target);
  await swapFile(target, { data: "new", prepare });
  t.is(await modeOf(target), before, "one that replaces another has that one's");
});

test("nobody else can read the file before it is the target", async (t) => {
  const { elsewhere } = await folderWithTarget(t);
  let mode = "";
  const prepare = async (path: string): Promise<void> => void (mode = await modeOf(path));
  await swapFile(elsewhere("new"), { data: "new", mode: 0o644, prepare });
  t.is(mode, "600");
  t.is(await modeOf(elsewhere("new")), "644");
});

test("owner and group are kept", async (t) => {
  if (process.getuid?.() !== 0) {
    t.log("Skipped: only root can give files away");
    t.pass();
    return;
  }
  const { target } = await folderWithTarget(t);
  await chown(target, 1234, 2345);
  await chmod(target, 0o4750);
  await swapFile(target, { data: "new" });
  const { uid, gid } = await stat(target);
  t.deepEqual([uid, gid, await modeOf(target)], [1234, 2345, "4750"]);
});

test("a symbolic link stays, and the file that it leads to is replaced where that is", async (t) => {
  const { target, content, names, elsewhere } = await folderWithTarget(t);
  await symlink(target, elsewhere("link"));
  await symlink("link", elsewhere("link to link"));
  await swapFile(elsewhere("link to link"), { data: "new" });
  t.true((await lstat(elsewhere("link to link"))).isSymbolicLink());
  t.true((await lstat(elsewhere("link"))).isSymbolicLink());
  t.is(await content(), "new");
  t.deepEqual(await names(), ["target.node"]);
});

test("a symbolic link that leads nowhere yet: the file is made where it leads", async (t) => {
  const { directory, elsewhere } = await folderWithTarget(t);
  await symlink(join(directory, "made"), elsewhere("link"));
  await swapFile(elsewhere("link"), { data: "new" });
  t.true((await lstat(elsewhere("link"))).isSymbolicLink());
  t.is(await readFile(join(directory, "made"), "utf8"), "new");
});

test("symbolic links in a circle are an error", async (t) => {
  const { elsewhere } = await folderWithTarget(t);
  await symlink(elsewhere("b"), elsewhere("a"));
  await symlink(elsewhere("a"), elsewhere("b"));
  const error = await swapError(t, () => swapFile(elsewhere("a"), { data: "new" }));
  t.is(error.code, "TOO_MANY_LINKS");
});

test("another hard link keeps the old content", async (t) => {
  const { target, content, elsewhere } = await folderWithTarget(t);
  await link(target, elsewhere("other name"));
  await swapFile(target, { data: "new" });
  t.is(await content(), "new");
  t.is(await readFile(elsewhere("other name"), "utf8"), "old");
});

test("a relative path is that of the call", async (t) => {
  const { target, content } = await folderWithTarget(t);
  const before = process.cwd();
  process.chdir(dirname(target));
  const swap = swapFile(basename(target), { data: "new", prepare: () => process.chdir(before) });
  await swap.finally(() => process.chdir(before));
  t.is(await content(), "new");
});

const equal = {
  "the same bytes": { data: "old" },
  "the same bytes, prepared": { data: "old", prepare: () => undefined },
  "the same stream": {
    data: (async function* () {
      yield "o";
      yield "ld";
    })(),
  },
};
for (const [name, options] of Object.entries(equal)) {
  test(`skipIfSame: ${name} keep the inode`, async (t) => {
    const { target, names } = await folderWithTarget(t);
    const before = await stat(target);
    const { ms: _, ...result } = await swapFile(target, { ...options, skipIfSame: true });
    t.deepEqual(result, { committed: false, durable: true, skipped: true, bytes: 3 });
    const after = await stat(target);
    t.deepEqual([after.ino, after.mtimeMs], [before.ino, before.mtimeMs]);
    t.deepEqual(await names(), ["target.node"]);
  });
}

test("skipIfSame: an equal source keeps the inode, one of another length or content does not", async (t) => {
  const { target, content, elsewhere } = await folderWithTarget(t);
  const { ino } = await stat(target);
  await writeFile(elsewhere("source"), "old");
  const swap = async (): Promise<boolean> =>
    (await swapFile(target, { source: elsewhere("source"), skipIfSame: true })).skipped;
  t.true(await swap());
  t.is((await stat(target)).ino, ino);
  for (const other of ["new", "older"]) {
    await writeFile(elsewhere("source"), other);
    t.false(await swap());
    t.is(await content(), other);
  }
});

test("skipIfSame: another mode is another file", async (t) => {
  const { target } = await folderWithTarget(t);
  const options = { data: "old", mode: 0o600, skipIfSame: true };
  t.false((await swapFile(target, options)).skipped);
  t.true((await swapFile(target, options)).skipped);
  t.is(await modeOf(target), "600");
});
