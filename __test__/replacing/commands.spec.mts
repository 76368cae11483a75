/** `npx latchdb recover`, `npx latchdb doctor`. */
import { link, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { createClient } from "latchdb";
import { runCommand } from "../support/command.mjs";
import { startHelper } from "../support/helper-process.mjs";
import { versionOne } from "./versions.mjs";

interface Report {
  database: Record<string, unknown> | null;
  openers: Array<{ pid: number; name?: string; isSelf: boolean }>;
  leftovers: Array<{ what: string; path: string }>;
  sidecars: Array<{ path: string }>;
}

test("doctor: a database that is well", async (t) => {
  const { file, client } = await versionOne(t, "delete");
  client.close();
  const { code, stdout, stderr } = await runCommand("doctor", file);
  t.deepEqual([code, stderr], [0, ""]);
  for (const line of [
    /^file +.*test\.db$/m,
    /^journal +delete$/m,
    /^integrity +ok$/m,
    /^open in +no other process/m,
    /^beside it +nothing$/m,
    /^All is well$/m,
  ]) {
    t.regex(stdout, line);
  }
});

test("doctor --json: who has it open, its -wal, and nothing is changed", async (t) => {
  const { file, client, names, directory } = await versionOne(t, "wal");
  client.close();
  const holder = startHelper("lock-holder", [file, "write"]);
  await holder.waitFor("held");
  const linked = join(directory, "link.db");
  await symlink(file, linked);
  const before = await names();
  const { code, stdout } = await runCommand("doctor", linked, "--json");
  t.is(code, 0, stdout);
  const report = JSON.parse(stdout) as Report;
  t.like(report, { isSymlink: true, exists: true, links: 1, lockFile: "none", problem: null });
  t.like(report.database, { journalMode: "wal", pageSize: 4096, userVersion: 1, integrity: [] });
  t.is(report.openers.length, 1);
  t.true(report.sidecars.some(({ path }) => path.endsWith("test.db-wal")));
  t.deepEqual(await names(), before);
  holder.say("release");
  t.is((await holder.ended).code, 0);
});

test("doctor: damage, and what is no database, is said and is exit code 1", async (t) => {
  const { file, client, directory } = await versionOne(t, "delete");
  await client.executeMultiple(`
    pragma foreign_keys = off;
    create table child (item_id references item (id));
    insert into child values (-7);`);
  client.close();
  const violated = await runCommand("doctor", file);
  t.is(violated.code, 1);
  t.regex(violated.stdout, /child/);
  const text = join(directory, "notes.txt");
  await writeFile(text, "a text that is long enough to be no header of SQLite's ".repeat(20));
  const none = await runCommand("doctor", text);
  t.is(none.code, 1);
  t.regex(none.stdout, /not a SQLite database/);
  const missing = await runCommand("doctor", join(directory, "missing.db"), "--json");
  t.is(missing.code, 1);
  t.like(JSON.parse(missing.stdout), { exists: false, database: null });
  const said = await runCommand("doctor", join(directory, "missing.db"));
  t.is(said.code, 1);
  t.is(said.stdout.match(/there is no such file/g)?.length, 1, said.stdout);
});

test("recover: nothing to do; and what a killed swap left", async (t) => {
  const { file, client, directory, names } = await versionOne(t, "delete");
  client.close();
  const nothing = await runCommand("recover", file);
  t.deepEqual([nothing.code, nothing.stderr], [0, ""]);
  t.regex(nothing.stdout, /nothing was left/);
  // As a kill leaves them: the lock file, and a new database that never got its name.
  await writeFile(join(directory, ".swap-lock-test.db"), "");
  await writeFile(join(directory, ".staging-abcdefghijkl-test.db"), "");
  await link(file, join(directory, "kept.db"));
  const doctor = await runCommand("doctor", file);
  t.is(doctor.code, 1);
  t.regex(doctor.stdout, /npx latchdb recover/);
  const { code, stdout } = await runCommand("recover", file, "--json");
  t.is(code, 0, stdout);
  t.true((JSON.parse(stdout) as { found: unknown[] }).found.length > 0);
  t.deepEqual(await names(), ["kept.db", "test.db"]);
});

test("opening recovers, and leaves what a living swap has", async (t) => {
  const { file, client, directory } = await versionOne(t, "wal");
  client.close();
  await writeFile(join(directory, ".swap-lock-test.db"), "");
  await writeFile(join(directory, ".staging-abcdefghijkl-test.db"), "");
  const opened = createClient({ url: `file:${file}` });
  t.teardown(() => opened.close());
  let during: string[] = [];
  await opened.replaceDatabase({
    build: async (staging) => {
      await staging.execute("create table a (b)");
      // Another one opens the old database meanwhile.
      const other = createClient({ url: `file:${file}` });
      await other.execute("select * from item");
      other.close();
      during = await readdir(directory);
    },
  });
  t.true(during.some((name) => name.startsWith(".staging-")));
  opened.close();
  t.deepEqual(await readdir(directory), ["test.db"]);
});
