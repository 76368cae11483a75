/** `client.replaceDatabase()` and `swapDatabase()`, where all goes well. */
import { chmod, lstat, mkdir, readlink, rmdir, stat, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import { swapDatabase } from "latchdb/swap";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { assertNothingBeside, descriptorsOf, hasProc } from "../support/open-files.mjs";
import { journalModes } from "../support/queries.mjs";
import {
  fill,
  nextVersion,
  stepsInto,
  swapError,
  versionInFile,
  versionOf,
  versionOne,
} from "./versions.mjs";

for (const mode of journalModes) {
  test(`one call: the client goes on with the new database (${mode})`, async (t) => {
    const { file, client, names } = await versionOne(t, mode);
    const steps: string[] = [];
    const result = await client.replaceDatabase({
      build: nextVersion,
      verify: async (staging) => (await versionOf(t, staging)) === 2,
      onProgress: stepsInto(steps),
    });
    t.like(result, { committed: true, durable: true, mode: "rename", backup: undefined });
    t.false(result.openedMeanwhile);
    t.is(await versionOf(t, client), 2);
    t.is(await selectValue(client, "pragma journal_mode"), mode);
    t.is((await stat(file)).size, result.bytes);
    for (const step of ["lock", "build", "check", "verify", "rename", "sync-directory"]) {
      t.true(steps.includes(step), `${step} in ${steps.join(", ")}`);
    }
    client.close();
    assertClosed(t, file);
    t.deepEqual(await names(), ["test.db"]);
  });

  test(`the old database is kept, complete, where that is asked for (${mode})`, async (t) => {
    const { file, directory, client, names } = await versionOne(t, mode);
    await client.execute("insert into item values (1000, 'version 1')");
    await client.execute("delete from item where id = 1");
    const { backup } = await client.replaceDatabase({ build: nextVersion, backup: true });
    t.regex(basename(backup ?? ""), /^test\.db\.v1-v2-\d{8}T\d{6}Z$/);
    t.is(await versionInFile(t, backup ?? ""), 1);
    const named = await client.replaceDatabase({ build: nextVersion, backup: "kept.db" });
    t.is(named.backup, join(directory, "kept.db"));
    t.is(await versionInFile(t, named.backup ?? ""), 2);
    t.is(await versionOf(t, client), 3);
    client.close();
    t.deepEqual(await names(), ["kept.db", "test.db", basename(backup ?? "")].sort());
    assertClosed(t, file);
  });

  test(`in place: others keep the file, and read the old or the new content (${mode})`, async (t) => {
    const { file, client, open } = await versionOne(t, mode);
    const other = open();
    t.is(await versionOf(t, other), 1);
    const { ino } = await stat(file);
    const result = await client.replaceDatabase({ build: nextVersion, inUse: "in-place" });
    t.like(result, { committed: true, mode: "in-place" });
    t.is((await stat(file)).ino, ino);
    t.is(await versionOf(t, other), 2);
    t.is(await versionOf(t, client), 2);
    other.close();
    client.close();
    await assertNothingBeside(t, file);
  });

  test(`a database is taken as it is with source (${mode})`, async (t) => {
    const { client } = await versionOne(t, mode);
    const source = await versionOne(t, mode);
    await source.client.execute("update item set label = 'version 7'");
    await source.client.execute("pragma user_version = 7");
    // It is in use, and its last writes are in its -wal.
    const result = await client.replaceDatabase({ source: source.file });
    t.true(result.committed);
    t.is(await versionOf(t, client), 7);
    t.is(await versionOf(t, source.client), 7);
  });

  test(`the client keeps its settings, and what it prepared is prepared anew (${mode})`, async (t) => {
    const { file, client: first } = await versionOne(t, mode);
    first.close();
    const client = createClient({ url: `file:${file}`, intMode: "bigint" });
    t.teardown(() => client.close());
    await client.execute("pragma foreign_keys = on");
    await client.execute("pragma cache_size = 123");
    t.deepEqual(await selectColumn(client, "select * from item where id = 3"), [3n]);
    await client.replaceDatabase({
      build: async (staging, old) => {
        t.is(await selectValue(old ?? staging, "select count(*) from item"), 500n);
        await staging.executeMultiple(
          "create table item (label, id); insert into item values ('new', 3)",
        );
      },
    });
    const { columns, rows } = await client.execute("select * from item where id = 3");
    t.deepEqual([columns, { ...rows[0] }], [["label", "id"], { label: "new", id: 3n }]);
    t.is(await selectValue(client, "pragma foreign_keys"), 1n);
    t.is(await selectValue(client, "pragma cache_size"), 123n);
  });
}

test("in place, a database in WAL mode stays so, whatever the new one is", async (t) => {
  const { client, open } = await versionOne(t, "wal");
  const other = open();
  t.is(await versionOf(t, other), 1);
  const { mode } = await client.replaceDatabase({
    inUse: "in-place",
    build: async (staging, old) => {
      await staging.execute("pragma journal_mode = delete");
      await nextVersion(staging, old);
    },
  });
  t.is(mode, "in-place");
  t.is(await selectValue(client, "pragma journal_mode"), "wal");
  t.is(await versionOf(t, other), 2);
});

test("swapDatabase: a first database, then its next version; a symlink stays one", async (t) => {
  const { directory, file } = await temporaryDatabase(t);
  const link = join(directory, "link.db");
  await symlink("test.db", link);
  const first = await swapDatabase(link, {
    build: async (staging, old) => {
      t.is(old, undefined);
      await staging.execute("pragma journal_mode = wal");
      await fill(staging, 1);
    },
    backup: true,
  });
  t.like(first, { committed: true, mode: "first", backup: undefined });
  await chmod(file, 0o640);
  t.like(await swapDatabase(link, { build: nextVersion }), { mode: "rename" });
  t.is(await versionInFile(t, file), 2);
  t.is(await readlink(link), "test.db");
  t.true((await lstat(link)).isSymbolicLink());
  t.is((await stat(file)).mode & 0o777, process.platform === "win32" ? 0o666 : 0o640);
});

test("old is read-only; staging has the old one's page size; both are closed afterwards", async (t) => {
  const { file, directory } = await temporaryDatabase(t);
  const before = createClient({ url: `file:${file}` });
  await before.execute("pragma page_size = 1024");
  await before.execute("pragma encoding = 'UTF-16le'");
  await fill(before, 1);
  before.close();
  const clients: Array<{ closed: boolean }> = [];
  let forgotten: Promise<unknown> = Promise.resolve();
  await swapDatabase(file, {
    build: async (staging, old) => {
      clients.push(staging, old ?? { closed: false });
      await t.throwsAsync(old?.execute("delete from item") ?? Promise.resolve(), {
        code: "SQLITE_READONLY",
      });
      t.is(await selectValue(staging, "pragma page_size"), 1024);
      t.is(await selectValue(staging, "pragma encoding"), "UTF-16le");
      await fill(staging, 2);
      // Nobody awaits it: it is done all the same.
      forgotten = staging.execute("create table forgotten (a)");
    },
  });
  await forgotten;
  t.deepEqual(
    clients.map(({ closed }) => closed),
    [true, true],
  );
  const after = createClient({ url: `file:${file}` });
  t.teardown(() => after.close());
  t.is(await versionOf(t, after), 2);
  t.deepEqual(await selectColumn(after, "select count(*) from forgotten"), [0]);
  after.close();
  assertClosed(t, file);
  await assertNothingBeside(t, join(directory, "test.db"));
});

test.serial("relative paths mean what they mean when it is called", async (t) => {
  const { client, directory } = await versionOne(t, "delete");
  await swapDatabase(join(directory, "source.db"), { build: (staging) => fill(staging, 7) });
  const before = process.cwd();
  process.chdir(directory);
  const replaced = client.replaceDatabase({ source: "source.db", backup: "kept.db" });
  process.chdir(before);
  t.is((await replaced).backup, join(directory, "kept.db"));
  t.is(await versionOf(t, client), 7);
  await mkdir(join(directory, "gone"));
  process.chdir(join(directory, "gone"));
  await rmdir(join(directory, "gone"));
  const gone = await swapError(t, () => client.replaceDatabase({ source: "source.db" }));
  process.chdir(before);
  t.like(gone, { code: "IO_ERROR", step: "resolve", path: "source.db", errno: "ENOENT" });
});

test("the database is the one that the client has, also by a path with .. behind a symlink", async (t) => {
  if (process.platform === "win32") {
    t.log("Windows takes .. as it reads: there is nothing to look at");
    return t.pass();
  }
  const { directory } = await temporaryDatabase(t);
  await mkdir(join(directory, "real", "sub"), { recursive: true });
  await symlink(join("real", "sub"), join(directory, "link"));
  const client = createClient({ url: `file:${directory}/link/../test.db` });
  t.teardown(() => client.close());
  await fill(client, 1);
  t.like(await client.replaceDatabase({ build: nextVersion }), { mode: "rename" });
  t.is(await versionOf(t, client), 2);
  client.close();
  t.is(await versionInFile(t, join(directory, "real", "test.db")), 2);
  await t.throwsAsync(stat(join(directory, "test.db")), { code: "ENOENT" });
});

function assertClosed(t: ExecutionContext, file: string): void {
  if (hasProc) t.deepEqual(descriptorsOf(file), []);
  else t.log("no /proc on this system: descriptors were not looked at");
}
