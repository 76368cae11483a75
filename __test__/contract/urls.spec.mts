import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { chdir, cwd } from "node:process";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { createClient, LibsqlError } from "latchdb";
import { ConnectionPool, createClient as createLocalClient, Sqlite3Client } from "latchdb/sqlite3";
import {
  openUrl,
  selectValue,
  temporaryDatabase,
  temporaryDirectory,
} from "../support/database.mjs";

/** Runs what does not wait, while `directory` is the current one. */
function runIn<T>(directory: string, run: () => T): T {
  const before = cwd();
  chdir(directory);
  try {
    return run();
  } finally {
    chdir(before);
  }
}

/** Opens a client while `directory` is the current one. */
function openFrom(t: ExecutionContext, directory: string, url: string) {
  return runIn(directory, () => openUrl(t, url));
}

for (const path of ["test.db", "./test.db"]) {
  test(`file:${path} is relative to the current directory`, async (t) => {
    const directory = await temporaryDirectory(t);
    const client = openFrom(t, directory, `file:${path}`);
    t.true(existsSync(join(directory, "test.db")));
    t.is(await selectValue(client, "select 1"), 1);
  });
}

test("a relative path is the same file after chdir and reconnect", async (t) => {
  const directory = await temporaryDirectory(t);
  const elsewhere = await temporaryDirectory(t);
  const client = openFrom(t, directory, "file:test.db");
  await client.executeMultiple("create table t (a); insert into t values (7)");
  await runIn(elsewhere, () => client.reconnect());
  t.is(await selectValue(client, "select a from t"), 7);
  client.close();
  await runIn(elsewhere, () => client.reconnect());
  t.is(await selectValue(client, "select a from t"), 7);
  t.is((await client.shutdown()).path, join(directory, "test.db"));
  t.false(existsSync(join(elsewhere, "test.db")));
});

test("a pool's relative path is the file of its making, wherever it is opened", async (t) => {
  const directory = await temporaryDirectory(t);
  const elsewhere = await temporaryDirectory(t);
  const pool = runIn(directory, () => new ConnectionPool("test.db", {}, 2));
  t.teardown(() => pool.close());
  runIn(elsewhere, () => pool.open());
  const client = new Sqlite3Client(pool);
  await client.executeMultiple("create table t (a); insert into t values (7)");
  runIn(elsewhere, () => pool.reopen());
  t.is(await selectValue(client, "select a from t"), 7);
  t.true(existsSync(join(directory, "test.db")));
  t.false(existsSync(join(elsewhere, "test.db")));
});

test("a relative path in a directory that is gone is SQLITE_CANTOPEN", async (t) => {
  if (process.platform === "win32") {
    t.log("Windows removes no directory that is the current one: there is nothing to look at");
    return t.pass();
  }
  const gone = join(await temporaryDirectory(t), "gone");
  mkdirSync(gone);
  const error = runIn(gone, () => {
    rmdirSync(gone);
    return t.throws(() => createClient({ url: "file:test.db" }), { instanceOf: LibsqlError });
  });
  t.is(error?.code, "SQLITE_CANTOPEN");
});

for (const prefix of [
  "file:",
  "file://",
  "file://localhost",
  "file://LOCALHOST",
  "FILE:",
  "File:",
]) {
  test(`${prefix} with an absolute path is that file`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const client = openUrl(t, prefix + file);
    t.is(client.protocol, "file");
    t.true(existsSync(file));
    t.is(await selectValue(client, "select 1"), 1);
  });
}

for (const url of ["file:", "file://"]) {
  test(`${url} with no path is a private temporary database`, async (t) => {
    const client = openUrl(t, url);
    await client.executeMultiple("create table t (a); insert into t values (1)");
    t.is(await selectValue(client, "select a from t"), 1);
  });
}

test("the path is percent-decoded", async (t) => {
  const directory = await temporaryDirectory(t);
  openUrl(t, `file:${directory}/a%20b%23%C5%BE.db`);
  t.true(existsSync(join(directory, "a b#ž.db")));
});

for (const query of ["?tls=0", "?tls=1", "?authToken=secret", "?tls=1&authToken=secret", "?"]) {
  test(`the query ${query} is accepted and is not part of the name`, async (t) => {
    const { file, url } = await temporaryDatabase(t);
    const client = openUrl(t, url + query);
    t.true(existsSync(file));
    t.is(await selectValue(client, "select 1"), 1);
  });
}

const refused = [
  ["file://rel.db", "URL_INVALID", "another host"],
  ["file://example.com/tmp/test.db", "URL_INVALID", "another host with a path"],
  ["file://localhost:80/tmp/test.db", "URL_INVALID", "a port"],
  ["file://user@localhost/tmp/test.db", "URL_INVALID", "a user"],
  ["file://user:password@localhost/tmp/test.db", "URL_INVALID", "a password"],
  ["file:test.db#fragment", "URL_INVALID", "a fragment"],
  ["file:%zz", "URL_INVALID", "bad percent-encoding"],
  ["file:test.db?tls=2", "URL_INVALID", "a bad value of tls"],
  ["file:test.db?mode=ro", "URL_PARAM_NOT_SUPPORTED", "a mode"],
  ["file:test.db?cache=shared", "URL_PARAM_NOT_SUPPORTED", "a cache for a file"],
  ["file::memory:?cache=other", "URL_INVALID", "a bad value of cache"],
  ["file::memory:?mode=ro", "URL_PARAM_NOT_SUPPORTED", "a mode in memory"],
  ["file::memory:?tls=0", "URL_PARAM_NOT_SUPPORTED", "tls in memory"],
  ["", "URL_INVALID", "an empty URL"],
  ["test.db", "URL_INVALID", "a path without a scheme"],
  ["./test.db", "URL_INVALID", "a relative path without a scheme"],
  ["memory:", "URL_SCHEME_NOT_SUPPORTED", "memory without colons"],
  ["sqlite:test.db", "URL_SCHEME_NOT_SUPPORTED", "an unknown scheme"],
] as const;

for (const [url, code, title] of refused) {
  test(`${title} is ${code}: "${url}"`, (t) => {
    t.throws(() => createClient({ url }), { instanceOf: LibsqlError, code });
  });
}

for (const url of [
  "http://localhost",
  "https://localhost",
  "ws://localhost",
  "libsql://localhost",
]) {
  test(`the local client refuses ${url} with URL_SCHEME_NOT_SUPPORTED`, (t) => {
    t.throws(() => createLocalClient({ url }), {
      instanceOf: LibsqlError,
      code: "URL_SCHEME_NOT_SUPPORTED",
    });
  });
}

for (const url of [":memory:", "file::memory:", "file::memory:?cache=private"]) {
  test(`each client on ${url} has a database of its own`, async (t) => {
    const client = openUrl(t, url);
    const other = openUrl(t, url);
    await client.executeMultiple("create table t (a); insert into t values (1)");
    t.is(await selectValue(client, "select a from t"), 1);
    await t.throwsAsync(other.execute("select a from t"), { message: /no such table: t/ });
  });
}

test("clients on file::memory:?cache=shared share one database", async (t) => {
  const client = openUrl(t, "file::memory:?cache=shared");
  const other = openUrl(t, "file::memory:?cache=shared");
  await client.executeMultiple("create table t (a); insert into t values (1)");
  t.is(await selectValue(other, "select a from t"), 1);
});
