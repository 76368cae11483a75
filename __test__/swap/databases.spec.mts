// A file that this process has open as a database is left alone: opening and closing it would drop
// the locks that SQLite has on it (https://sqlite.org/howtocorrupt.html, section 2.2).

import { link, open as openFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { createClient } from "latchdb";
import { fsyncFile, removeWithRetry, renameDurably, swapFile } from "latchdb/swap";
import { temporaryDatabase } from "../support/database.mjs";
import { lookAt, makeSandbox, ROWS } from "../support/ledger/sandbox.mjs";
import { openElsewhere } from "../support/other-sqlite.mjs";
import { startProgram } from "../support/processes.mjs";
import { journalModes } from "../support/queries.mjs";
import { swapError } from "./folder.mjs";

test("an open database is refused as target, as source and by every step; closed, it is a file", async (t) => {
  const { directory, file, open } = await temporaryDatabase(t);
  const other = join(directory, "other");
  await writeFile(other, "other");
  const client = open();
  await client.execute("create table t (a)");
  const before = await readFile(file);
  const calls = [
    () => swapFile(file, { data: "new" }),
    () => swapFile(other, { source: file }),
    () => swapFile(file, { data: before, skipIfSame: true }),
    () => fsyncFile(file),
    () => renameDurably(file, other),
    () => renameDurably(other, file),
    () => removeWithRetry(file),
  ];
  for (const call of calls) {
    const error = await swapError(t, call);
    t.like(error, { code: "FILE_IS_OPEN_DATABASE", path: file, committed: false });
  }
  t.true((await readFile(file)).equals(before));
  client.close();
  await fsyncFile(file);
  await swapFile(file, { data: "new" });
  t.is(await readFile(file, "utf8"), "new");
});

test("the files beside an open database are refused as it is, and the locks on them hold", async (t) => {
  const { directory, file, open } = await temporaryDatabase(t);
  const other = join(directory, "other");
  await writeFile(other, "other");
  const client = open();
  await client.execute("pragma journal_mode = wal");
  await client.execute("create table t (a)");
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (1)");
  // Its locks are on the -shm. A -journal is not there, but SQLite would take one for its own.
  await link(`${file}-shm`, join(directory, "link"));
  for (const path of [`${file}-shm`, `${file}-wal`, join(directory, "link")]) {
    const calls = [
      () => swapFile(path, { data: "new" }),
      () => swapFile(other, { source: path }),
      () => fsyncFile(path),
      () => renameDurably(path, other),
      () => renameDurably(other, path),
      () => removeWithRetry(path),
    ];
    for (const call of calls) {
      t.like(await swapError(t, call), { code: "FILE_IS_OPEN_DATABASE", path, committed: false });
    }
  }
  const error = await swapError(t, () => swapFile(`${file}-journal`, { data: "new" }));
  t.is(error.code, "FILE_IS_OPEN_DATABASE");
  const program = startProgram(t, "write-once", { arguments: [file] });
  t.deepEqual((await program.ended).lines, ["SQLITE_BUSY"]);
  await transaction.commit();
  t.is((await client.execute("select a from t")).rows[0]?.[0], 1);
  client.close();
  await fsyncFile(join(directory, "link"));
});

test("a database that prepare leaves open is refused", async (t) => {
  const { directory } = await temporaryDatabase(t);
  const target = join(directory, "new.db");
  let leftOpen: ReturnType<typeof createClient> | undefined;
  const prepare = async (path: string): Promise<void> => {
    leftOpen = createClient({ url: `file:${path}` });
    await leftOpen.execute("create table t (a)");
  };
  const error = await swapError(t, () => swapFile(target, { data: "", prepare }));
  leftOpen?.close();
  t.like(error, { code: "FILE_IS_OPEN_DATABASE", step: "prepare", committed: false });
});

test("a database whose last rows are still in its -wal is refused", async (t) => {
  const { directory } = await temporaryDatabase(t);
  const target = join(directory, "new.db");
  const prepare = async (path: string): Promise<void> => {
    const client = createClient({ url: `file:${path}` });
    await client.execute("pragma journal_mode = wal");
    await client.batch(["create table t (a)", "insert into t values (1)"]);
    // As a process that was killed leaves them.
    const files = await Promise.all([path, `${path}-wal`].map((name) => readFile(name)));
    client.close();
    for (const [index, bytes] of files.entries()) {
      await writeFile(index === 0 ? path : `${path}-wal`, bytes);
    }
  };
  const error = await swapError(t, () => swapFile(target, { data: "", prepare }));
  t.like(error, { code: "STAGING_HAS_SIDECAR", step: "prepare", committed: false });
  t.deepEqual(await readdir(directory), []);
});

for (const mode of journalModes) {
  test(`what a killed program left beside a database is not read into another file (${mode})`, async (t) => {
    const { target, scratch } = await makeSandbox(t, mode);
    const source = join(scratch, "new");
    await writeFile(source, "new");
    const refused = { code: "TARGET_HAS_SIDECAR", committed: false };
    const error = await swapError(t, () => swapFile(target, { source }));
    t.like(error, { ...refused, step: "lock" });
    t.regex(error.message, /swapDatabase/);
    t.like(await swapError(t, () => renameDurably(source, target)), refused);
    // Once it has been set right it is a file like any other.
    t.is((await lookAt(target)).is, `old ${ROWS}`);
    await swapFile(target, { source });
    t.is(await readFile(target, "utf8"), "new");
  });
}

test("a database that prepare has made and closed is swapped in", async (t) => {
  const { file, url } = await temporaryDatabase(t);
  const prepare = async (path: string): Promise<void> => {
    const client = createClient({ url: `file:${path}` });
    await client.batch(["create table t (a)", "insert into t values (1)"]);
    client.close();
  };
  await swapFile(file, { data: "", prepare });
  const client = createClient({ url });
  t.is((await client.execute("select a from t")).rows[0]?.[0], 1);
  client.close();
});

test("a database that another SQLite in this process has open is refused, and its locks hold", async (t) => {
  const { directory, file } = await temporaryDatabase(t);
  const database = openElsewhere(file);
  const other = join(directory, "other");
  await writeFile(other, "other");
  // An idle one has no lock that could be seen.
  for (const mode of ["delete", "wal"]) {
    database.exec(`pragma journal_mode = ${mode}; drop table if exists t; create table t (a)`);
    const files = mode === "wal" ? [file, `${file}-wal`, `${file}-shm`] : [file];
    for (const path of files) {
      const calls = [
        () => swapFile(path, { data: "new" }),
        () => swapFile(other, { source: path }),
        () => fsyncFile(path),
        () => renameDurably(path, other),
        () => renameDurably(other, path),
        () => removeWithRetry(path),
      ];
      database.exec("begin immediate; insert into t values (1)");
      for (const call of calls) {
        const error = await swapError(t, call);
        t.like(error, { code: "OPEN_ELSEWHERE_IN_PROCESS", path, committed: false });
      }
      const program = startProgram(t, "write-once", { arguments: [file] });
      t.deepEqual((await program.ended).lines, ["SQLITE_BUSY"], mode);
      database.exec("commit");
      t.is((await swapError(t, () => fsyncFile(path))).code, "OPEN_ELSEWHERE_IN_PROCESS", "idle");
    }
  }
  database.close();
});

test("a file that the program has open itself is swapped", async (t) => {
  const { directory } = await temporaryDatabase(t);
  const [target, source] = [join(directory, "target"), join(directory, "source")];
  // As long as a database could be.
  for (const path of [target, source]) await writeFile(path, Buffer.alloc(8192, path));
  const handles = await Promise.all([
    openFile(target, "r+"),
    openFile(target, "r"),
    openFile(source, "r+"),
  ]);
  await fsyncFile(target);
  t.true((await swapFile(target, { source })).committed);
  await renameDurably(source, target);
  t.true(await removeWithRetry(target));
  for (const handle of handles) await handle.close();
});

test("one database is the source of many swaps at once", async (t) => {
  const { directory, file, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a)");
  client.close();
  const targets = Array.from({ length: 30 }, (_, index) => join(directory, `copy-${index}.db`));
  const swaps = targets.map((target) => swapFile(target, { source: file, durability: "none" }));
  t.true((await Promise.all(swaps)).every(({ committed }) => committed));
});

test("the locks of a database that was refused still hold", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a)");
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (1)");
  for (const call of [
    () => swapFile(file, { data: "new" }),
    () => swapFile(`${file}.copy`, { source: file }),
    () => fsyncFile(file),
  ]) {
    await swapError(t, call);
  }
  // Another process that could write now would have been let in by a lost lock.
  const program = startProgram(t, "write-once", { arguments: [file] });
  const { lines } = await program.ended;
  t.deepEqual(lines, ["SQLITE_BUSY"]);
  await transaction.commit();
});
