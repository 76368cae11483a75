import { mkdir, open, readFile, rmdir, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { createClient, LibsqlError } from "latchdb";
import {
  openUrl,
  selectValue,
  temporaryDatabase,
  temporaryDirectory,
} from "../support/database.mjs";
import { goesOn, rejectsClearly, throwsClearly } from "./clear-error.mjs";

test("a folder that is missing: SQLITE_CANTOPEN with the path", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "missing", "test.db");
  const error = throwsClearly(t, () => createClient({ url: `file:${file}` }), "SQLITE_CANTOPEN");
  t.true(error.message.includes(file));
});

test("a file where a folder should be: SQLITE_CANTOPEN with the path", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "file"), "");
  const file = join(directory, "file", "test.db");
  const error = throwsClearly(t, () => createClient({ url: `file:${file}` }), "SQLITE_CANTOPEN");
  t.true(error.message.includes(file));
});

test("a directory in place of the file: SQLITE_CANTOPEN with the path", async (t) => {
  const directory = await temporaryDirectory(t);
  const error = throwsClearly(
    t,
    () => createClient({ url: `file:${directory}` }),
    "SQLITE_CANTOPEN",
  );
  t.true(error.message.includes(directory));
});

test("a name that is too long: SQLITE_CANTOPEN", async (t) => {
  const directory = await temporaryDirectory(t);
  const url = `file:${join(directory, "n".repeat(300))}`;
  throwsClearly(t, () => createClient({ url }), "SQLITE_CANTOPEN");
});

test("a path that is too long: SQLITE_CANTOPEN", async (t) => {
  const directory = await temporaryDirectory(t);
  const url = `file:${join(directory, "long/".repeat(2000), "test.db")}`;
  throwsClearly(t, () => createClient({ url }), "SQLITE_CANTOPEN");
});

test("a path with NUL is refused, and no file of a shorter name is made", async (t) => {
  const directory = await temporaryDirectory(t);
  const url = `file:${join(directory, "test%00.db")}`;
  throwsClearly(t, () => createClient({ url }), "SQLITE_CANTOPEN");
  await t.throwsAsync(stat(join(directory, "test")), { code: "ENOENT" });
});

for (const { title, content } of [
  { title: "text", content: "this is no database. ".repeat(200) },
  {
    title: "random bytes",
    content: Buffer.from("9f86d081884c7d659a2feaa0c55ad015".repeat(400), "hex"),
  },
  {
    title: "a header with a wrong page size",
    content: Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(4096, 3)]),
  },
]) {
  test(`a file of ${title} is no database: SQLITE_NOTADB, and it stays as it is`, async (t) => {
    const database = await temporaryDatabase(t);
    await writeFile(database.file, content);
    const client = database.open();
    await rejectsClearly(t, client.execute("select * from sqlite_schema"), "SQLITE_NOTADB");
    await rejectsClearly(t, client.execute("create table t (a)"), "SQLITE_NOTADB");
    await rejectsClearly(t, client.batch(["create table t (a)"], "write"), "SQLITE_NOTADB");
    await rejectsClearly(t, client.transaction("write"), "SQLITE_NOTADB");
    t.deepEqual(await readFile(database.file), Buffer.from(content));
    await writeFile(database.file, "");
    await client.reconnect();
    await goesOn(t, client);
  });
}

test("an empty file is an empty database", async (t) => {
  const database = await temporaryDatabase(t);
  await writeFile(database.file, "");
  await goesOn(t, database.open());
});

/** A table of ten thousand rows, some 400 pages. */
const manyRows = [
  "create table t (a integer primary key, b text)",
  `insert into t with recursive n (i) as (select 1 union all select i + 1 from n where i < 10000)
   select i, hex(zeroblob(80)) from n`,
];

test("a file that was cut off: SQLITE_CORRUPT, and the client goes on", async (t) => {
  const database = await temporaryDatabase(t);
  const writer = database.open();
  await writer.batch(manyRows, "write");
  writer.close();
  const { size } = await stat(database.file);
  await truncate(database.file, Math.floor(size / 2));
  const client = database.open();
  const all = client.execute("select count(b), sum(length(b)) from t");
  await rejectsClearly(t, all, "SQLITE_CORRUPT");
  await rejectsClearly(t, client.batch(["select sum(length(b)) from t"]), "SQLITE_CORRUPT");
  await rejectsClearly(t, client.execute("insert into t values (0, 'x')"), "SQLITE_CORRUPT");
  await truncate(database.file, 0);
  await client.reconnect();
  await goesOn(t, client);
});

test("a page that is corrupt: SQLITE_CORRUPT, and the other pages can be read", async (t) => {
  const database = await temporaryDatabase(t);
  const writer = database.open();
  await writer.batch(manyRows, "write");
  const pages = Number(await selectValue(writer, "pragma page_count"));
  const pageSize = Number(await selectValue(writer, "pragma page_size"));
  writer.close();
  const handle = await open(database.file, "r+");
  await handle.write(Buffer.alloc(pageSize, 0xff), 0, pageSize, Math.floor(pages / 2) * pageSize);
  await handle.close();
  const client = database.open();
  await rejectsClearly(t, client.execute("select sum(length(b)) from t"), "SQLITE_CORRUPT");
  const transaction = await client.transaction("read");
  await rejectsClearly(t, transaction.execute("select sum(length(b)) from t"), "SQLITE_CORRUPT");
  t.is(await selectValue(transaction, "select length(b) from t where a = 1"), 160);
  transaction.close();
  t.is(await selectValue(client, "select length(b) from t where a = 10000"), 160);
});

test("a leftover journal that is no journal does not keep the database from opening", async (t) => {
  const database = await temporaryDatabase(t);
  const writer = database.open();
  await writer.batch(["create table t (a)", "insert into t values (1)"], "write");
  writer.close();
  await writeFile(`${database.file}-journal`, "no journal at all");
  const client = database.open();
  t.is(await selectValue(client, "select a from t"), 1);
});

test("a directory in place of the journal: an error with a code, and nothing is written", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  await client.batch(["create table t (a)", "insert into t values (1)"], "write");
  await mkdir(`${database.file}-journal`);
  await rejectsClearly(t, client.execute("insert into t values (2)"), "SQLITE_IOERR");
  await rmdir(`${database.file}-journal`);
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

for (const url of [
  "file:",
  "file:nowhere%00",
  "",
  "sqlite:x",
  "file://host/x",
  "file:x#f",
  "file:%zz",
]) {
  test(`the URL ${JSON.stringify(url)} gives a client or an error with a code`, (t) => {
    try {
      openUrl(t, url).close();
      t.is(url, "file:");
    } catch (error) {
      t.true(error instanceof LibsqlError);
      t.regex(error instanceof LibsqlError ? error.code : "", /^(URL_|SQLITE_CANTOPEN)/);
    }
  });
}
