/** Swaps of databases that fail: the old one is untouched, the staging file gone, the error speaks. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import test from "ava";
import { createClient } from "latchdb";
import type { LibsqlError } from "latchdb";
import { swapDatabase } from "latchdb/swap";
import { selectValue, temporaryDatabase } from "../support/database.mjs";
import { inNamespace } from "../support/mounts.mjs";
import { journalModes } from "../support/queries.mjs";
import { unspeakable } from "../support/unspeakable.mjs";
import type { ReadOnly } from "./read-only-process.mjs";
import {
  assertUntouched,
  fill,
  nextVersion,
  ROWS,
  swapError,
  versionOf,
  versionOne,
} from "./versions.mjs";

const COUNT = "select count(*) from item";

for (const mode of journalModes) {
  test(`build throws (${mode})`, async (t) => {
    const versioned = await versionOne(t, mode);
    const cause = new Error("no such city");
    const error = await swapError(t, () =>
      versioned.client.replaceDatabase({
        build: async (staging) => {
          await fill(staging, 2);
          throw cause;
        },
      }),
    );
    t.like(error, { code: "BUILD_FAILED", step: "build", cause });
    await assertUntouched(t, versioned, mode);
  });

  test(`verify throws, or says no (${mode})`, async (t) => {
    const versioned = await versionOne(t, mode);
    for (const verify of [() => false, () => Promise.resolve(false)]) {
      const error = await swapError(t, () =>
        versioned.client.replaceDatabase({ build: nextVersion, verify }),
      );
      t.like(error, { code: "VERIFY_FAILED", step: "verify", cause: undefined });
    }
    const cause = new Error("too few rows");
    const verify = (): never => {
      throw cause;
    };
    const error = await swapError(t, () =>
      versioned.client.replaceDatabase({ build: nextVersion, verify, backup: true }),
    );
    t.like(error, { code: "VERIFY_FAILED", cause });
    await assertUntouched(t, versioned, mode);
  });

  test(`verify can read, by several connections, and not write (${mode})`, async (t) => {
    const versioned = await versionOne(t, mode);
    const { client } = versioned;
    for (const sql of [
      "delete from item",
      "pragma user_version = 9",
      "drop table item",
      "vacuum",
    ]) {
      const error = await swapError(t, () =>
        client.replaceDatabase({ build: nextVersion, verify: (staging) => staging.execute(sql) }),
      );
      t.is(error.code, "VERIFY_FAILED", sql);
      t.is((error.cause as LibsqlError).code, "SQLITE_READONLY", sql);
    }
    const write = swapError(t, () =>
      client.replaceDatabase({
        build: nextVersion,
        verify: (staging) => staging.batch(["select 1", "delete from item"], "write"),
      }),
    );
    t.is((await write).code, "VERIFY_FAILED");
    t.is(await versionOf(t, client), 1);
    const { committed } = await client.replaceDatabase({
      build: nextVersion,
      verify: async (staging) => {
        // Whoever hides the error has changed nothing all the same.
        await staging.execute("delete from item").catch(() => undefined);
        const transaction = await staging.transaction("read");
        const counts = [transaction, staging].map((one) => selectValue(one, COUNT));
        t.deepEqual(await Promise.all(counts), [ROWS, ROWS]);
        t.is(await versionOf(t, staging), 2);
        await transaction.commit();
      },
    });
    t.true(committed);
    t.is(await versionOf(t, client), 2);
    t.is(await selectValue(client, "pragma journal_mode"), mode);
    client.close();
    t.deepEqual(await versioned.names(), ["test.db"]);
  });

  test(`an abort by who hears of a step: nothing is begun any more (${mode})`, async (t) => {
    for (const step of ["resolve", "stage", "build", "check", "verify"]) {
      const versioned = await versionOne(t, mode);
      const controller = new AbortController();
      const reason = new Error("enough");
      const late: string[] = [];
      const note = (what: string): void => void (controller.signal.aborted && late.push(what));
      const replaced = versioned.client.replaceDatabase({
        signal: controller.signal,
        onProgress: (progress) => {
          if (progress.step === step) controller.abort(reason);
        },
        build: async (staging, old) => {
          note("build");
          await nextVersion(staging, old);
        },
        verify: () => note("verify"),
      });
      t.is(await t.throwsAsync(replaced), reason);
      t.deepEqual(late, [], step);
      await assertUntouched(t, versioned, mode);
    }
  });

  test(`build never ends: a signal ends it (${mode})`, async (t) => {
    const versioned = await versionOne(t, mode);
    const controller = new AbortController();
    const reason = new Error("enough");
    let closed = (): boolean => false;
    const replaced = versioned.client.replaceDatabase({
      signal: controller.signal,
      build: async (staging) => {
        closed = () => staging.closed;
        await fill(staging, 2);
        // A transaction that nobody ends, and a promise that never settles.
        await staging.transaction("write");
        setImmediate(() => controller.abort(reason));
        await new Promise(() => undefined);
      },
    });
    t.is(await t.throwsAsync(replaced), reason);
    t.true(closed());
    await assertUntouched(t, versioned, mode);
  });

  test(`an abort before, and at each step (${mode})`, async (t) => {
    const versioned = await versionOne(t, mode);
    const reason = new Error("enough");
    const aborted = versioned.client.replaceDatabase({
      signal: AbortSignal.abort(reason),
      build: nextVersion,
    });
    t.is(await t.throwsAsync(aborted), reason);
    for (const stop of ["resolve", "lock", "build", "check", "verify", "sync"]) {
      const controller = new AbortController();
      const outcome = await versioned.client
        .replaceDatabase({
          signal: controller.signal,
          build: nextVersion,
          verify: () => true,
          onProgress: ({ step }) => step === stop && controller.abort(reason),
        })
        .then(
          ({ committed }) => committed,
          (error: unknown) => error,
        );
      // The thread is ahead of what it tells: it may be past the commit.
      if (outcome !== true) t.is(outcome, reason);
      else await versioned.client.replaceDatabase({ build: (staging) => fill(staging, 1) });
    }
    await assertUntouched(t, versioned, mode);
  });

  test(`rows without parents, and somebody who keeps the new database open (${mode})`, async (t) => {
    const versioned = await versionOne(t, mode);
    const violated = await swapError(t, () =>
      versioned.client.replaceDatabase({
        build: async (staging) => {
          await staging.executeMultiple(`
            pragma foreign_keys = off;
            create table parent (id integer primary key);
            create table child (parent_id references parent (id));
            insert into child values (7);`);
        },
      }),
    );
    t.is(violated.code, "FOREIGN_KEY_CHECK_FAILED");
    t.regex(violated.message, /child/);
    let kept: ReturnType<typeof createClient> | undefined;
    const staging = await swapError(t, () =>
      versioned.client.replaceDatabase({
        build: async (client) => {
          await fill(client, 2);
          const { rows } = await client.execute("select file from pragma_database_list");
          kept = createClient({ url: `file:${rows[0]?.[0]}` });
          await kept.execute("select * from item");
        },
      }),
    );
    kept?.close();
    t.is(staging.code, "STAGING_OPEN");
    await assertUntouched(t, versioned, mode);
  });

  test(`another client of this process has it open: refused, waited for, or in place (${mode})`, async (t) => {
    const versioned = await versionOne(t, mode);
    const other = versioned.open();
    t.is(await versionOf(t, other), 1);
    const error = await swapError(t, () =>
      versioned.client.replaceDatabase({ build: nextVersion }),
    );
    t.is(error.code, "DATABASE_IN_USE");
    t.true(
      error.openers.some(({ pid }) => pid === process.pid),
      JSON.stringify(error.openers),
    );
    const waited = await swapError(t, () =>
      versioned.client.replaceDatabase({ build: nextVersion, inUse: "wait", timeoutMs: 50 }),
    );
    t.is(waited.code, "DATABASE_IN_USE");
    const replaced = versioned.client.replaceDatabase({ build: nextVersion, inUse: "wait" });
    await sleep(0);
    other.close();
    t.like(await replaced, { mode: "rename" });
    t.is(await versionOf(t, versioned.client), 2);
  });
}

for (const [name, thrown] of unspeakable) {
  test(`build, or verify, throws ${name}: the swap ends all the same`, async (t) => {
    const versioned = await versionOne(t, "delete");
    const throwing = (): Promise<never> => Promise.reject(thrown);
    const built = await swapError(t, () => versioned.client.replaceDatabase({ build: throwing }));
    t.is(built.code, "BUILD_FAILED");
    t.is(built.cause, thrown);
    const verified = await swapError(t, () =>
      versioned.client.replaceDatabase({ build: nextVersion, verify: throwing }),
    );
    t.is(verified.code, "VERIFY_FAILED");
    t.is(verified.cause, thrown);
    t.regex(verified.message, /threw: /);
    await assertUntouched(t, versioned, "delete");
  });
}

test("what is no database, no file, or no place for one", async (t) => {
  const { directory } = await temporaryDatabase(t);
  const text = join(directory, "notes.txt");
  await writeFile(text, "a text that is long enough to be no header of SQLite's ".repeat(20));
  const before = await readFile(text);
  const cases = [
    [text, "NOT_A_DATABASE"],
    [directory, "TARGET_IS_DIRECTORY"],
    [join(directory, "none", "test.db"), "DIRECTORY_MISSING"],
  ] as const;
  for (const [target, code] of cases) {
    const error = await swapError(t, () => swapDatabase(target, { build: nextVersion }));
    t.is(error.code, code);
  }
  t.deepEqual(await readFile(text), before);
  const missing = join(directory, "missing.db");
  const error = await swapError(t, () =>
    swapDatabase(join(directory, "new.db"), { source: missing }),
  );
  t.is(error.code, "SOURCE_MISSING");
});

test("a read-only disk: an error, and the database is read on", async (t) => {
  const { file, directory, client } = await versionOne(t, "delete");
  client.close();
  const program = fileURLToPath(new URL("./read-only-process.mjs", import.meta.url));
  const mount = 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"';
  const answer = await inNamespace<ReadOnly>(t, mount, directory, program, [file, ""]);
  if (answer === undefined) return;
  t.deepEqual(answer, { code: "READ_ONLY", step: "lock", path: true, rows: 500 });
});

test("a backup's name that is taken, or elsewhere; options that are wrong in themselves", async (t) => {
  const versioned = await versionOne(t, "wal");
  const { client, directory } = versioned;
  await writeFile(join(directory, "taken"), "precious");
  const taken = await swapError(t, () =>
    client.replaceDatabase({ build: nextVersion, backup: "taken" }),
  );
  t.is(taken.code, "BACKUP_EXISTS");
  t.is(await readFile(join(directory, "taken"), "utf8"), "precious");
  const elsewhere = await swapError(t, () =>
    client.replaceDatabase({ build: nextVersion, backup: join(directory, "..", "elsewhere.db") }),
  );
  t.is(elsewhere.code, "BACKUP_NOT_BESIDE");
  for (const options of [
    undefined,
    {},
    { build: nextVersion, source: "a.db" },
    { build: 1 },
    { build: nextVersion, inUse: "never" },
    { build: nextVersion, durability: "some" },
    { build: nextVersion, timeoutMs: -1 },
    { build: nextVersion, backup: 1 },
    { build: nextVersion, signal: {} },
  ]) {
    await t.throwsAsync(client.replaceDatabase(options as never), { instanceOf: TypeError });
  }
  t.is(await versionOf(t, client), 1);
});
