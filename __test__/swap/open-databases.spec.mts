// By whatever way a file came to be open in our SQLite: no call of ours drops its locks, for closing any
// descriptor of the file would (https://sqlite.org/howtocorrupt.html, section 2.2), none replaces it, and
// each that refuses it says that this process has it open.

import { link, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createClient, LibsqlError, type LocalClient, type Transaction } from "latchdb";
import {
  copyDatabase,
  fsyncFile,
  recover,
  removeWithRetry,
  renameDurably,
  swapDatabase,
  swapFile,
  SwapError,
} from "latchdb/swap";
import { openUrl, selectColumn, temporaryDirectory } from "../support/database.mjs";
import { startHelper } from "../support/helper-process.mjs";
import { internal } from "../support/internals.mjs";
import { startProgram } from "../support/processes.mjs";
import { journalModes, type JournalMode } from "../support/queries.mjs";
import { swapError } from "./folder.mjs";

const { examine } = internal<{
  examine(file: string): Promise<{ openers: Array<{ isSelf: boolean }> }>;
}>("local/swap/database/reports");

/** A database with an empty table t, which nobody has open. */
async function makeDatabase(file: string, mode: JournalMode = "delete"): Promise<string> {
  const client = createClient({ url: `file:${file}` });
  await client.execute(`pragma journal_mode = ${mode}`);
  await client.execute("create table t (a)");
  client.close();
  return file;
}

const attach = (file: string): string => `attach '${file}' as other`;

/** Each has a client of another database attach a file. */
const attaching: Record<string, (client: LocalClient, file: string) => Promise<unknown>> = {
  "by a literal": (client, file) => client.execute(attach(file)),
  "by a parameter": (client, file) => client.execute("attach ? as other", [file]),
  "by a named parameter": (client, file) => client.execute("attach :file as other", { file }),
  "by an expression": (client, file) =>
    client.execute("attach ? || '.db' as other", [file.slice(0, -3)]),
  "by a URI": (client, file) => client.execute("attach ? as other", [`file:${file}?cache=private`]),
  "by a link": async (client, file) => {
    await symlink(file, `${file}-link`);
    await client.execute("attach ? as other", [`${file}-link`]);
  },
  "in a script": (client, file) => client.executeMultiple(`select 1; ${attach(file)}; select 2`),
  "in a script, by an expression": (client, file) =>
    client.executeMultiple(`${attach(file).replace("' as", "' || '' as")}`),
  "in a batch": (client, file) => client.batch([attach(file), "select 1"], "write"),
  "in a batch, by a parameter": (client, file) =>
    client.batch([{ sql: "attach ? as other", args: [file] }], "write"),
  "in a transaction": async (client, file) => {
    const transaction = await client.transaction("deferred");
    await transaction.execute("attach ? as other", [file]);
    await transaction.commit();
  },
};

const stranger = startHelper("tries-to-write");
test.before(() => stranger.waitFor("ready"));
test.after.always(() => stranger.kill());

let asked = 0;

/** What another process hears that tries to write to a database. */
async function write(file: string): Promise<string> {
  const number = ++asked;
  stranger.say(`${number} ${file}`);
  await stranger.waitFor(`${number} done`);
  return stranger.lines.find((line) => line.startsWith(`${number} `))?.split(" ")[1] ?? "";
}

/** What a call rejects with, or "ok". */
async function outcome(call: () => Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await call();
    return { code: "ok", message: "" };
  } catch (error) {
    if (error instanceof SwapError || error instanceof LibsqlError) return error;
    throw error;
  }
}

interface Call {
  what: string;
  call: () => Promise<unknown>;
  /** What it says; "ok" where it need not refuse. */
  says: string;
}

/** Calls of single files, each of which must refuse a file that is open as a database. */
function fileCalls(file: string, other: string): Call[] {
  const calls = {
    fsyncFile: () => fsyncFile(file),
    removeWithRetry: () => removeWithRetry(file),
    "renameDurably from": () => renameDurably(file, `${other}-new`),
    "renameDurably to": () => renameDurably(other, file),
    "swapFile's target": () => swapFile(file, { data: "new" }),
    "swapFile's source": () => swapFile(other, { source: file }),
    "swapFile's target, if it is not the same": () =>
      // As long, so that the two are compared. (To read it here would drop the lock.)
      stat(file).then(({ size }) => swapFile(file, { data: Buffer.alloc(size), skipIfSame: true })),
  };
  return Object.entries(calls).map(([what, call]) => ({
    what,
    call,
    says: "FILE_IS_OPEN_DATABASE",
  }));
}

/** Calls of whole databases, `closed` being one that nobody has open. */
function databaseCalls(file: string, closed: string, hardLink: string): Call[] {
  const build = (staging: LocalClient): unknown => staging.execute("create table new (a)");
  const refused = "DATABASE_IN_USE";
  return [
    {
      what: "swapDatabase",
      call: () => swapDatabase(file, { build, timeoutMs: 200 }),
      says: refused,
    },
    {
      what: "copyDatabase to it",
      call: () => copyDatabase(closed, file, { overwrite: true, timeoutMs: 200 }),
      says: refused,
    },
    {
      what: "copyDatabase to it, as a new one",
      call: () => copyDatabase(closed, file),
      says: "TARGET_EXISTS",
    },
    {
      what: "copyDatabase from it",
      call: () => copyDatabase(file, closed, { overwrite: true, timeoutMs: 200 }),
      says: "ok",
    },
    { what: "recover", call: () => recover(file), says: "ok" },
    { what: "doctor", call: () => examine(file), says: "ok" },
    {
      what: "a client of another name of it",
      call: async () => {
        const client = createClient({ url: `file:${hardLink}` });
        await client.execute("select count(*) from sqlite_schema");
        client.close();
      },
      says: "ok",
    },
  ];
}

interface Check {
  /** The database, on which this process has a write lock. */
  file: string;
  calls: Call[];
}

/** Makes all of the calls, and asks after each whether another process is let in. */
async function check(t: ExecutionContext, { file, calls }: Check): Promise<void> {
  t.is(await write(file), "SQLITE_BUSY", "before");
  for (const { what, call, says } of calls) {
    const { code, message } = await outcome(call);
    t.is(code, says, `${what}: ${message}`);
    if (code === "FILE_IS_OPEN_DATABASE") t.regex(message, /this process has it open/, what);
    if (code === "DATABASE_IN_USE") {
      t.regex(message, /this process has it open/, what);
      t.notRegex(message, /another process|cannot be seen/, what);
    }
    t.is(await write(file), "SQLITE_BUSY", `the lock after ${what}`);
  }
}

/** The files of a database, which are there now. */
function filesOf(file: string, mode: JournalMode): string[] {
  return mode === "wal" ? [`${file}-wal`, `${file}-shm`] : [`${file}-journal`];
}

/** Every call, for a database with a write lock of this process on it. */
async function allCalls(file: string, directory: string, mode: JournalMode): Promise<Call[]> {
  const closed = await makeDatabase(join(directory, "closed.db"));
  const other = join(directory, "other");
  const hardLink = join(directory, "hard-link");
  await writeFile(other, "other");
  await link(file, hardLink);
  const sidecars = filesOf(file, mode).flatMap((sidecar) => fileCalls(sidecar, other));
  // In WAL mode SQLite would make a -wal and -shm of the other name's own.
  const database = databaseCalls(file, closed, hardLink).filter(
    ({ what }) => mode !== "wal" || what !== "a client of another name of it",
  );
  return [...fileCalls(file, other), ...fileCalls(hardLink, other), ...sidecars, ...database];
}

for (const mode of journalModes) {
  test(`a client's own database (${mode})`, async (t) => {
    const directory = await temporaryDirectory(t);
    const file = await makeDatabase(join(directory, "test.db"), mode);
    const client = openUrl(t, `file:${file}`);
    const transaction = await client.transaction("write");
    await transaction.execute("insert into t values ('ours')");
    await check(t, { file, calls: await allCalls(file, directory, mode) });
    await transaction.commit();
    t.deepEqual(await selectColumn(client, "select a from t"), ["ours"]);
    client.close();
    await swapFile(file, { data: "free" });
  });
}

for (const [how, attachTo] of Object.entries(attaching)) {
  for (const mode of how.includes("expression") || how.includes("literal")
    ? journalModes
    : ["delete" as const]) {
    test(`a database that is attached ${how} (${mode})`, async (t) => {
      const directory = await temporaryDirectory(t);
      const file = await makeDatabase(join(directory, "test.db"), mode);
      const client = openUrl(t, `file:${join(directory, "main.db")}`);
      await attachTo(client, file);
      const transaction: Transaction = await client.transaction("write");
      await transaction.execute("insert into other.t values ('ours')");
      await check(t, { file, calls: await allCalls(file, directory, mode) });
      await transaction.commit();
      t.deepEqual(await selectColumn(client, "select a from other.t"), ["ours"]);
      const replaced = client.replaceDatabase({
        build: (staging) => staging.execute("create table n (a)"),
      });
      await t.throwsAsync(replaced, { code: "CONNECTION_STATE" });
      // Idle, it is in use all the same.
      const build = (staging: LocalClient): unknown => staging.execute("create table new (a)");
      const refused = await swapError(t, () => swapDatabase(file, { build, timeoutMs: 200 }));
      t.like(refused, { code: "DATABASE_IN_USE", openers: [{ pid: process.pid }] });
      t.regex(refused.message, /this process by ATTACH.*DETACH/);
      t.is((await swapError(t, () => fsyncFile(file))).code, "FILE_IS_OPEN_DATABASE");
      await client.execute("detach other");
      await rm(join(directory, "hard-link"));
      t.is((await swapDatabase(file, { build })).mode, "rename");
      await swapFile(file, { data: "free" });
    });
  }
}

/** Waits until our SQLite has a file open. */
async function whenOpen(file: string): Promise<void> {
  while ((await outcome(() => fsyncFile(file))).code !== "FILE_IS_OPEN_DATABASE") {
    await new Promise(setImmediate);
  }
}

/** All calls refuse a file of which our SQLite waits for a lock that another process has. */
async function checkRefused(t: ExecutionContext, file: string, directory: string): Promise<void> {
  const other = join(directory, "other");
  await writeFile(other, "other");
  for (const { what, call, says } of fileCalls(file, other)) {
    const { code, message } = await outcome(call);
    t.is(code, says, what);
    t.regex(message, /this process has it open/);
  }
}

test("the file that VACUUM INTO writes, until it is written", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "copy.db");
  await writeFile(file, "");
  const holder = startProgram(t, "lock-holder", { arguments: [file, "write"] });
  await holder.waitFor("held");
  const source = await makeDatabase(join(directory, "test.db"));
  const client = openUrl(t, `file:${source}`, { timeout: 60_000 });
  await client.execute("insert into t values ('ours')");
  const copied = client.execute({ sql: "vacuum into ?", args: [file] });
  await whenOpen(file);
  await checkRefused(t, file, directory);
  const build = (staging: LocalClient): unknown => staging.execute("create table n (a)");
  const refused = await swapError(t, () => swapDatabase(file, { build, timeoutMs: 200 }));
  t.is(refused.code, "DATABASE_IN_USE");
  t.true(refused.openers.some(({ pid }) => pid === process.pid));
  holder.say("release");
  await copied;
  await fsyncFile(file);
  const copy = openUrl(t, `file:${file}`);
  t.deepEqual(await selectColumn(copy, "select a from t"), ["ours"]);
});

test("the database that copyDatabase() reads, until it is copied", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = await makeDatabase(join(directory, "test.db"));
  const holder = startProgram(t, "lock-holder", { arguments: [file, "exclusive"] });
  await holder.waitFor("held");
  const copied = copyDatabase(file, join(directory, "copy.db"), { timeoutMs: 60_000 });
  await whenOpen(file);
  await checkRefused(t, file, directory);
  holder.say("release");
  await copied;
  await fsyncFile(file);
});

for (const mode of journalModes) {
  test(`a swap's old and new database, until it is swapped (${mode})`, async (t) => {
    const directory = await temporaryDirectory(t);
    const file = await makeDatabase(join(directory, "test.db"), mode);
    const other = join(directory, "other");
    await writeFile(other, "other");
    // A swap of the same file waits for the one that waits for this.
    const ofOld = fileCalls(file, other).filter(
      ({ what }) => !what.startsWith("swapFile's target"),
    );
    const build = async (staging: LocalClient, old?: LocalClient): Promise<void> => {
      await old?.execute("select * from t");
      await check(t, { file, calls: ofOld });
      const [path] = await selectColumn(staging, "select file from pragma_database_list");
      await staging.execute("create table t (a)");
      const transaction = await staging.transaction("write");
      await transaction.execute("insert into t values ('ours')");
      await check(t, { file: String(path), calls: fileCalls(String(path), other) });
      await transaction.commit();
      await old?.execute("select * from t");
      await check(t, { file, calls: ofOld });
    };
    t.is((await swapDatabase(file, { build })).mode, "rename");
    await swapFile(file, { data: "free" });
  });

  test(`a new database that build attaches elsewhere is refused (${mode})`, async (t) => {
    const directory = await temporaryDirectory(t);
    const file = await makeDatabase(join(directory, "test.db"), mode);
    const client = openUrl(t, ":memory:");
    const build = async (staging: LocalClient): Promise<void> => {
      const [path] = await selectColumn(staging, "select file from pragma_database_list");
      await client.execute("attach ? as other", [path ?? ""]);
      await client.execute("create table other.t (a)");
    };
    const error = await swapError(t, () => swapDatabase(file, { build }));
    t.is(error.code, "STAGING_OPEN");
  });
}

test("a sidecar of an open database is not opened as a database", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = await makeDatabase(join(directory, "test.db"), "wal");
  const client = openUrl(t, ":memory:");
  await client.execute(attach(file));
  const transaction = await client.transaction("write");
  await transaction.execute("insert into other.t values ('ours')");
  for (const sidecar of filesOf(file, "wal")) {
    const open = (): void => createClient({ url: `file:${sidecar}` }).close();
    t.regex(t.throws(open, { code: "SQLITE_CANTOPEN" }).message, /test\.db/);
  }
  t.is(await write(file), "SQLITE_BUSY");
  await transaction.commit();
});

test("the files of a database that was removed while it is open are left to it", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = await makeDatabase(join(directory, "test.db"), "wal");
  const client = openUrl(t, `file:${file}`);
  await client.execute("insert into t values ('ours')");
  if (process.platform === "win32") return t.pass("Windows removes no file that is open");
  await rm(file);
  const build = (staging: LocalClient): unknown => staging.execute("create table n (a)");
  const error = await swapError(t, () => swapDatabase(file, { build }));
  t.like(error, { code: "FILE_IS_OPEN_DATABASE", path: `${file}-wal` });
  t.deepEqual(await selectColumn(client, "select a from t"), ["ours"]);
  client.close();
  t.is((await swapDatabase(file, { build })).mode, "first");
});
