/** `copyDatabase()`: a live database, as one moment has it. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { copyDatabase } from "latchdb/swap";
import { journalModes } from "../support/queries.mjs";
import { ROWS, stepsInto, swapError, versionInFile, versionOf, versionOne } from "./versions.mjs";

for (const mode of journalModes) {
  test(`a copy of a database that is written to all the while is of one moment (${mode})`, async (t) => {
    const { file, directory, client: first, open } = await versionOne(t, mode);
    first.close();
    // In a rollback journal mode readers are in a writer's way, and the copy is one: it waits.
    const client = open({ timeout: 10_000 });
    const end = new AbortController();
    const writer = (async () => {
      for (let version = 2; !end.signal.aborted; version++) {
        await client.batch(
          [
            { sql: "update item set label = ?", args: [`version ${version}`] },
            `pragma user_version = ${version}`,
          ],
          "write",
        );
      }
    })();
    const copy = join(directory, "copy.db");
    let last = 1;
    for (let round = 0; round < 5; round++) {
      const { durable, bytes } = await copyDatabase(file, copy, { overwrite: true });
      t.true(durable);
      t.is((await readFile(copy)).length, bytes);
      const version = await versionInFile(t, copy);
      t.true(version >= last);
      last = version;
    }
    end.abort();
    await writer;
    client.close();
    t.deepEqual((await readdir(directory)).sort(), ["copy.db", "test.db"]);
  });
}

test("a file that is there is not replaced unless that is asked for", async (t) => {
  const { file, directory, client } = await versionOne(t, "wal");
  const copy = join(directory, "copy.db");
  const steps: string[] = [];
  await copyDatabase(file, copy, { onProgress: stepsInto(steps) });
  t.true(steps.includes("write"));
  await client.execute("update item set label = 'version 2'");
  await client.execute("pragma user_version = 2");
  t.is((await swapError(t, () => copyDatabase(file, copy))).code, "TARGET_EXISTS");
  t.is(await versionInFile(t, copy), 1);
  await copyDatabase(file, copy, { overwrite: true });
  t.is(await versionInFile(t, copy), 2);
  const text = join(directory, "notes.txt");
  await writeFile(text, "a text that is long enough to be no header of SQLite's ".repeat(20));
  const error = await swapError(t, () => copyDatabase(file, text, { overwrite: true }));
  t.is(error.code, "NOT_A_DATABASE");
  t.is(
    (await swapError(t, () => copyDatabase(text, join(directory, "b.db")))).code,
    "NOT_A_DATABASE",
  );
});

test("an open database is no target; its own source is none either; a signal ends it", async (t) => {
  const one = await versionOne(t, "wal");
  const other = await versionOne(t, "wal");
  const copy = (source: string, target: string) => () =>
    copyDatabase(source, target, { overwrite: true });
  t.is((await swapError(t, copy(one.file, other.file))).code, "DATABASE_IN_USE");
  const reason = new Error("enough");
  const aborted = copyDatabase(one.file, join(one.directory, "copy.db"), {
    signal: AbortSignal.abort(reason),
  });
  t.is(await t.throwsAsync(aborted), reason);
  t.is(await versionOf(t, other.client, ROWS), 1);
  one.client.close();
  t.is((await swapError(t, copy(one.file, one.file))).code, "SOURCE_IS_TARGET");
  const missing = join(one.directory, "missing.db");
  t.is((await swapError(t, copy(missing, one.file))).code, "SOURCE_MISSING");
  t.deepEqual(await one.names(), ["test.db"]);
});
