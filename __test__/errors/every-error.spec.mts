/**
 * Every error of latchdb, made by its real cause: what has happened, the code, and the whole text, which
 * says what to do. The last test compares the page with the sources: an error that is not here fails.
 *
 * In a text, `DIR` is a directory, `%d` a number, and `…` any text.
 */
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import test from "ava";
import {
  copyDatabase,
  createClient,
  fsyncDirectory,
  fsyncFile,
  recover,
  renameDurably,
  shutdownAll,
  sql as tag,
  swapDatabase,
  swapFile,
  terminateWorker,
} from "latchdb";
import type { Config, LocalClient } from "latchdb";
import { ConnectionPool, createClient as createLocalClient, Sqlite3Client } from "latchdb/sqlite3";
import { lockElsewhere } from "../support/processes.mjs";
import { internal } from "../support/internals.mjs";
import { endlessQuery } from "../support/queries.mjs";
import { openElsewhere } from "../support/other-sqlite.mjs";
import { unchecked } from "../support/unchecked.mjs";
import { elsewhere, noMounts } from "./elsewhere.mjs";
import { about, appeared, codes, error, type Place } from "./page.mjs";
import * as sources from "./sources.mjs";

const notRoot = process.getuid?.() !== 0 && "only root can be another user";
const url = (text: unknown, config: object = {}): unknown =>
  createClient({ url: text, ...config } as Config);
const table = (staging: LocalClient): unknown => staging.execute("create table t (a)");
const DENIED =
  "Permission denied (os error %d); check the permissions and the owner of the file and its directory";
const EMFILE =
  "Too many open files (os error %d); this process has as many files open as it may: close some, or raise " +
  "the limit (ulimit -n)";
const LONG =
  'its name is too long for a database: with the "-journal" that SQLite appends, a name can have %d … here; ' +
  "use a shorter name";
const FOR_WAL = " (which SQLite needs to read a database in WAL mode, too)";

// ---------------------------------------------------------------------------------------------------
about("the URL and the configuration");

const SUPPORTED =
  "For more information, please read https://github.com/libsql/libsql-client-ts#supported-urls";
for (const scheme of ["libsql", "https", "wss"]) {
  error(`the URL is that of a server, and the client is latchdb/sqlite3's (${scheme}:)`, {
    code: "URL_SCHEME_NOT_SUPPORTED",
    message:
      `URL scheme "${scheme}:" is not supported by the local client: it opens files ("file:data.db") and ` +
      `databases in memory (":memory:"). ${SUPPORTED}`,
    from: () => createLocalClient({ url: `${scheme}://host` }),
  });
}
error("the URL has a scheme that there is not", {
  code: "URL_SCHEME_NOT_SUPPORTED",
  message: `The client supports only "libsql:", "wss:", "ws:", "https:", "http:" and "file:" URLs, got "sqlite:". ${SUPPORTED}`,
  from: () => url("sqlite:a.db"),
});
error("the URL is a path", {
  code: "URL_INVALID",
  message: "The URL '/data/a.db' is not in a valid format",
  from: () => url("/data/a.db"),
});
error("the URL has two slashes before a relative path", {
  code: "URL_INVALID",
  message:
    'Invalid host in file URL: "a.db". A "file:" URL with an absolute path should start with one slash ' +
    '("file:/absolute/path.db") or with three slashes ("file:///absolute/path.db"). ' +
    SUPPORTED,
  from: () => url("file://a.db"),
});
error("the URL has a port", {
  code: "URL_INVALID",
  message: "File URL cannot have a port",
  from: () => url("file://localhost:1/a.db"),
});
error("the URL has a user", {
  code: "URL_INVALID",
  message: "File URL cannot have username and password",
  from: () => url("file://me:secret@localhost/a.db"),
});
error("the URL has a fragment", {
  code: "URL_INVALID",
  message: 'URL fragments are not supported: "#b"',
  from: () => url("file:a#b"),
});
error("the URL has an option", {
  code: "URL_PARAM_NOT_SUPPORTED",
  message: 'Unsupported URL query parameter "mode"',
  from: () => url("file:a?mode=ro"),
});
error("the configuration asks for a replica", {
  code: "SYNC_NOT_SUPPORTED",
  message:
    "Embedded replicas (syncUrl) need libSQL's engine; this build has SQLite's. Remove syncUrl to use the " +
    "local database alone",
  from: () => url("file:a.db", { syncUrl: "https://x" }),
});
error("the configuration asks for a replica in memory", {
  code: "URL_INVALID",
  message:
    "Embedded replica must use file for local db but URI with in-memory mode were provided instead: :memory:",
  from: () => url(":memory:", { syncUrl: "https://x" }),
});
error("the configuration asks for encryption", {
  code: "ENCRYPTION_KEY_NOT_SUPPORTED",
  message:
    "Encryption at rest (encryptionKey) needs libSQL's engine; this build has SQLite's. Remove encryptionKey " +
    "only if the data may be stored unencrypted",
  from: () => url("file:a.db", { encryptionKey: "k" }),
});
error("the key is a number", {
  name: "TypeError",
  message: "encryptionKey must be a string, got a value of type number",
  from: () => createClient({ url: "file:a.db", encryptionKey: unchecked<string>(5) }),
});
error("the configuration is a text", {
  name: "TypeError",
  message: 'Expected client configuration as object, got the string "file:a.db"',
  from: () => createClient(unchecked<Config>("file:a.db")),
});

error("readOnly is a number", {
  name: "TypeError",
  message: "readOnly must be true or false, got 1",
  from: ({ dir }) => url(`file:${dir}/a.db`, { readOnly: 1 }),
});
error("a database in memory is to be opened read-only", {
  name: "TypeError",
  message: "readOnly is for files: a database in memory cannot be opened read-only",
  from: () => url(":memory:", { readOnly: true }),
});
error("limits is a number", {
  name: "TypeError",
  message: "limits must be an object of names and numbers, got 5",
  from: () => url(":memory:", { limits: 5 }),
});
error("a limit does not exist", {
  name: "TypeError",
  message:
    'limits has no "size": it has length, sqlLength, column, exprDepth, compoundSelect, vdbeOp, functionArg, attach, ' +
    "likePatternLength, variableNumber, triggerDepth",
  from: () => url(":memory:", { limits: { size: 1 } }),
});
error("a limit is a text", {
  name: "TypeError",
  message: 'limits.length must be a number, got the string "1"',
  from: () => url(":memory:", { limits: { length: "1" } }),
});
error("a limit is below 0", {
  name: "RangeError",
  message: "limits.length must be a whole number from 0 on, or Infinity, got -1",
  from: () => url(":memory:", { limits: { length: -1 } }),
});
error("the content of a database is a text", {
  name: "TypeError",
  message: 'data must be an ArrayBuffer or a view of one, got the string "bytes"',
  from: () => url(":memory:", { data: "bytes" }),
});
error("a file is to have a content", {
  name: "TypeError",
  message: 'data is for databases in memory: use it with url ":memory:"',
  from: ({ dir }) => url(`file:${dir}/a.db`, { data: new Uint8Array() }),
});
error("a database that clients share is to have a content", {
  name: "TypeError",
  message: "data is for a database of one client: use it without cache=shared",
  from: () => url("file::memory:?cache=shared", { data: new Uint8Array() }),
});
error("converters is a text", {
  name: "TypeError",
  message: 'converters must be an object of declared types and functions, got the string "json"',
  from: () => url(":memory:", { converters: "json" }),
});
error("a converter is no function", {
  name: "TypeError",
  message: 'the converter for "json" must be a function, got 5',
  from: () => url(":memory:", { converters: { json: 5 } }),
});

// ---------------------------------------------------------------------------------------------------
about("opening a database");

const cannotOpen = (path: string, cause: string): string =>
  `cannot open the database file DIR/${path}: unable to open database file: ${cause}`;
error("its directory is missing", {
  code: "SQLITE_CANTOPEN",
  message: cannotOpen(
    "none/a.db",
    "No such file or directory (os error %d): DIR/none; create the directory first",
  ),
  from: ({ dir }) => url(`file:${dir}/none/a.db`),
});
error("a file has the name of its directory", {
  code: "SQLITE_CANTOPEN",
  message: cannotOpen("f/a.db", "DIR/f is not a directory; name a file in a directory"),
  from: ({ dir }) => {
    fs.writeFileSync(join(dir, "f"), "");
    return url(`file:${dir}/f/a.db`);
  },
});
error("it is a directory", {
  code: "SQLITE_CANTOPEN",
  message: cannotOpen("", "it is a directory; name a file"),
  from: ({ dir }) => url(`file:${dir}/`),
});
error("it is a FIFO", {
  code: "SQLITE_CANTOPEN",
  message: cannotOpen("pipe", "it is a FIFO, where a regular file belongs; remove it"),
  from: ({ dir }) => {
    execFileSync("mkfifo", [join(dir, "pipe")]);
    return url(`file:${dir}/pipe`);
  },
});
for (const length of [250, 300]) {
  error(`its name is too long (${length})`, {
    code: "SQLITE_CANTOPEN",
    message: cannotOpen("n…", LONG),
    from({ dir, t }) {
      try {
        return url(`file:${dir}/${"n".repeat(length)}`);
      } finally {
        t.deepEqual(fs.readdirSync(dir), []);
      }
    },
  });
}
error("the name of a database that ATTACH makes is too long", {
  code: "SQLITE_CANTOPEN",
  message: `unable to open database: DIR/n…: ${LONG}`,
  from: async ({ open, dir }) => (await open()).execute(`attach '${dir}/${"n".repeat(250)}' as b`),
});
error("its path is too long", {
  code: "SQLITE_CANTOPEN",
  message: cannotOpen("d…", "a path can have %d bytes with SQLite; use a shorter one"),
  from({ dir }) {
    fs.mkdirSync(join(dir, "d/".repeat(250)), { recursive: true });
    return url(`file:${dir}/${"d/".repeat(250)}a.db`);
  },
});
error("its path has NUL", {
  code: "SQLITE_CANTOPEN",
  message:
    "cannot open the database file DIR/a\\0.db: a path cannot contain a NUL character; use a path without one",
  from: ({ dir }) => url(`file:${dir}/a%00.db`),
});
error("it is a file of an open database", {
  code: "SQLITE_CANTOPEN",
  message:
    "cannot open the database file DIR/a.db-journal: it is a file that SQLite keeps beside the open database " +
    "DIR/a.db; open that database instead",
  from: async ({ open, dir }) => {
    await open();
    return url(`file:${dir}/a.db-journal`);
  },
});
error("the working directory is gone", {
  code: "SQLITE_CANTOPEN",
  message:
    "cannot open the database file a.db: ENOENT: …. Change to a directory that is there, or give an absolute path",
  from: ({ dir }) => inMissingDirectory(dir, () => url("file:a.db")),
});
error("its directory may not be written", {
  code: "SQLITE_CANTOPEN",
  message: cannotOpen("closed/new.db", `it cannot be created in its directory: ${DENIED}`),
  from: (place) => elsewhere(place, "nobody", "new"),
});
error("it may not be read", {
  code: "SQLITE_CANTOPEN",
  message: cannotOpen("secret.db", DENIED),
  from: (place) => elsewhere(place, "nobody", "unreadable"),
});
error("the process has no descriptor left", {
  code: "SQLITE_CANTOPEN",
  message: cannotOpen("a.db", EMFILE),
  from: (place) => elsewhere(place, "descriptors", "open"),
});
error("the database to attach may not be read", {
  code: "SQLITE_CANTOPEN",
  message: `unable to open database: DIR/secret.db: ${DENIED}`,
  from: (place) => elsewhere(place, "nobody", "attach"),
});

// ---------------------------------------------------------------------------------------------------
about("a statement");

error("it has no SQL", {
  code: "SQLITE_MISUSE",
  message: "the SQL text contains no statement: it is empty or has only comments",
  from: async ({ open }) => (await open()).execute("-- nothing"),
});
error("it is no SQL", {
  code: "SQLITE_ERROR",
  message: 'near "selekt": syntax error\n  selekt 1\n  ^',
  from: async ({ open }) => (await open()).execute("selekt 1"),
});
error("it violates a constraint", {
  code: "SQLITE_CONSTRAINT",
  message: "UNIQUE constraint failed: t.a\n  insert into t values (1), (1)",
  from: async ({ open }) => (await open()).batch(["insert into t values (1), (1)"]),
});
error("an argument is an object", {
  code: "ARGUMENT_NOT_SUPPORTED",
  message:
    "An argument of type … has no SQLite type: pass a number, string, bigint, boolean, Date, ArrayBuffer, " +
    "typed array or null",
  from: async ({ open }) => (await open()).execute("select ?", [unchecked<string>({})]),
});
error("an array in a statement of sql does not stand behind IN", {
  name: "TypeError",
  message:
    "An array in sql`…` is a list, which stands behind IN: write IN ${array}. For another place, make one " +
    "value of it, for example JSON.stringify(array)",
  from: () => tag`select ${[1]}`,
});
error("sql is called as a function", {
  name: "TypeError",
  message:
    'Expected a template (sql`SELECT …`), got the string "select 1": pass a text of SQL as it is, or sql.raw(text)',
  from: () => tag(unchecked<TemplateStringsArray>("select 1")),
});
error("a template has an escape sequence that there is not", {
  name: "TypeError",
  message: "Invalid escape sequence in sql`select '\\u'`: write each backslash twice",
  from: () => tag`select '\u'`,
});
error("sql.id has no name", {
  name: "TypeError",
  message: "Expected the name of a table or a column, got none",
  from: () => tag.id(),
});
error("sql.id has a number", {
  name: "TypeError",
  message: "Expected a name as a string, got 5",
  from: () => tag.id(unchecked<string>(5)),
});
error("sql.raw has no text", {
  name: "TypeError",
  message: "Expected SQL as a string, got undefined",
  from: () => tag.raw(unchecked<string>(undefined)),
});
error("an argument is undefined", {
  name: "TypeError",
  message: "undefined cannot be passed as argument to the database",
  from: async ({ open }) => (await open()).execute("select ?", [unchecked<string>(undefined)]),
});
error("an argument is NaN", {
  name: "RangeError",
  message: "Only finite numbers (not Infinity or NaN) can be passed as arguments",
  from: async ({ open }) => (await open()).execute("select ?", [Number.NaN]),
});
error("an argument is a large bigint", {
  name: "RangeError",
  message: "bigint is too large to be represented as a 64-bit integer and passed as argument",
  from: async ({ open }) => (await open()).execute("select ?", [2n ** 64n]),
});
error("the SQL is a number", {
  name: "TypeError",
  message: "Expected SQL as a string, got 5",
  from: async ({ open }) => (await open()).executeMultiple(unchecked<string>(5)),
});
error("the arguments are a number", {
  name: "TypeError",
  message:
    "Expected arguments as an array (for ?) or as an object with names (for :name), got 5: pass a single value as [value]",
  from: async ({ open }) => (await open()).execute("select ?", unchecked<[]>(5)),
});
error("the batch is a text", {
  name: "TypeError",
  message: 'Expected an array of statements, got the string "select 1"',
  from: async ({ open }) => (await open()).batch(unchecked<[]>("select 1")),
});
error("the statement is nothing", {
  name: "TypeError",
  message: "Expected a statement as SQL or as an object with sql, got …",
  from: async ({ open }) => (await open()).execute(unchecked<string>(undefined)),
});
error("the signal is none", {
  name: "TypeError",
  message:
    "signal must be an AbortSignal: an object with a boolean `aborted` and the function `addEventListener`",
  from: async ({ open }) =>
    (await open()).batch([], "read", { signal: unchecked<AbortSignal>({}) }),
});
error("an integer is too large for a number", {
  name: "RangeError",
  message: "Received integer which cannot be safely represented as a JavaScript number",
  from: async ({ open }) => (await open()).execute("select 9007199254740993"),
});
error("the file is no database", {
  code: "SQLITE_NOTADB",
  message: "file is not a database",
  from: async ({ open, dir }) => {
    fs.writeFileSync(join(dir, "text"), "no database ".repeat(500));
    return (await open("text")).execute("select * from sqlite_schema");
  },
});
error("the database is damaged", {
  code: "SQLITE_CORRUPT",
  message: "database disk image is malformed",
  from: async (place) => (await place.open(await damaged(place))).execute("select * from t"),
});
error("sync() of a local database", {
  code: "SYNC_NOT_SUPPORTED",
  message: "sync() is for embedded replicas; this client's database is a local one",
  from: async ({ open }) => (await open()).sync(),
});
const replaceFile = (dir: string): void => {
  fs.copyFileSync(join(dir, "a.db"), join(dir, "b.db"));
  fs.renameSync(join(dir, "b.db"), join(dir, "a.db"));
};
error("the file was replaced since the connection was opened", {
  code: "SQLITE_READONLY",
  message:
    "attempt to write a readonly database: DIR/a.db was replaced, moved or removed since this connection was opened; call reconnect()",
  from: async ({ open, dir }) => {
    const client = await open();
    replaceFile(dir);
    return client.execute("insert into t values (1)");
  },
});
error("the file was replaced, and the client opens another connection", {
  code: "SQLITE_READONLY",
  message: "DIR/a.db was replaced while this client has the old file open; call reconnect()",
  from: async ({ open, dir }) => {
    const client = await open();
    replaceFile(dir);
    return client.transaction("read");
  },
});
error("the database is in WAL mode, and its directory may not be written", {
  code: "SQLITE_READONLY",
  message: `attempt to write a readonly database: DIR/closed/wal.db-wal${FOR_WAL}: ${DENIED}`,
  from: (place) => elsewhere(place, "nobody", "wal"),
});
error("the directory of the journal may not be written", {
  code: "SQLITE_READONLY",
  message: `attempt to write a readonly database: DIR/closed/a.db-journal: ${DENIED}`,
  from: (place) => elsewhere(place, "nobody", "journal"),
});
error("the file may not be written", {
  code: "SQLITE_READONLY",
  message: `attempt to write a readonly database: DIR/readonly.db: ${DENIED}`,
  from: (place) => elsewhere(place, "nobody", "readonly"),
});
const ROFS =
  "Read-only file system (os error %d); the file system is mounted read-only: remount it for writing";
error("the database is in WAL mode, and its disk is read-only", {
  code: "SQLITE_CANTOPEN",
  message: `unable to open database file: DIR/wal.db-wal${FOR_WAL}: ${ROFS}`,
  unless: noMounts,
  from: (place) => elsewhere(place, "mounted", "wal"),
});
error("the disk is read-only", {
  code: "SQLITE_READONLY",
  message: `attempt to write a readonly database: DIR/delete.db: ${ROFS}`,
  unless: noMounts,
  from: (place) => elsewhere(place, "mounted", "write"),
});
error("the disk is full", {
  code: "SQLITE_FULL",
  message: "database or disk is full",
  unless: noMounts,
  from: (place) => elsewhere(place, "full", "write"),
});
error("the process may make no larger file", {
  code: "SQLITE_IOERR",
  message:
    "disk I/O error: File too large (os error %d); the file would be larger than the file system, or this " +
    "process's limit (ulimit -f), allows",
  from: (place) => elsewhere(place, "size", "write"),
});
error("the process has no descriptor left for the journal", {
  code: "SQLITE_CANTOPEN",
  message: `unable to open database file: DIR/a.db-journal: ${EMFILE}`,
  from: (place) => elsewhere(place, "descriptors", "write"),
});
error("a hard link has the name of the journal", {
  code: "SQLITE_CANTOPEN",
  message:
    "unable to open database file: DIR/a.db-journal: it is one of %d hard links to a file, and writing to it " +
    "would change that file; remove it, or replace it with a copy",
  from: async ({ open, dir }) => {
    const client = await open();
    fs.writeFileSync(join(dir, "precious"), "precious");
    fs.linkSync(join(dir, "precious"), join(dir, "a.db-journal"));
    return client.execute("insert into t values (1)");
  },
});
error("the file that has the name of the journal is another user's", {
  code: "SQLITE_CANTOPEN",
  message:
    "unable to open database file: DIR/a.db-journal: it belongs to user %d, who may not write to the file that " +
    "it is for; remove it, or change its owner to that file's owner",
  unless: notRoot,
  from: async ({ open, dir }) => {
    const client = await open();
    fs.chmodSync(dir, 0o755);
    fs.writeFileSync(join(dir, "a.db-journal"), "not root's");
    fs.chownSync(join(dir, "a.db-journal"), 65_534, 65_534);
    return client.execute("insert into t values (1)");
  },
});

error("it may only read, and writes", {
  code: "SQLITE_READONLY",
  message: "attempt to write a readonly database: the statement has the option readOnly",
  from: async ({ open }) =>
    (await open()).execute({ sql: "insert into t values (1)", readOnly: true }),
});
error("it runs for too long", {
  code: "SQLITE_INTERRUPT",
  message: "interrupted: the statement has run for longer than its queryTimeout of %d ms",
  from: async ({ open }) => (await open()).execute({ sql: endlessQuery, queryTimeout: 20 }),
});
error("strict: an argument is missing, and another unknown", {
  code: "ARGUMENT_MISMATCH",
  message:
    'the arguments are not those of the statement: no argument for "b"; no parameter for "c", "d"',
  from: async ({ open }) =>
    (await open()).execute({ sql: "select :a, :b", args: { a: 1, c: 2, d: 3 }, strict: true }),
});
error("strict: an argument by position is missing", {
  code: "ARGUMENT_MISMATCH",
  message: "the arguments are not those of the statement: no argument for ?2",
  from: async ({ open }) => (await open()).execute({ sql: "select ?, ?", args: [1], strict: true }),
});
error("strict: there are too many arguments", {
  code: "ARGUMENT_MISMATCH",
  message: "the arguments are not those of the statement: it has 2 parameters, none for argument 3",
  from: async ({ open }) =>
    (await open()).execute({ sql: "select ?, ?", args: [1, 2, 3], strict: true }),
});
error("strict: names for parameters without", {
  code: "ARGUMENT_MISMATCH",
  message:
    "the arguments are not those of the statement: a parameter without a name (?), for which arguments are an array",
  from: async ({ open }) => (await open()).execute({ sql: "select ?", strict: true }),
});
error("an option has an unknown value", {
  name: "TypeError",
  message: 'rowMode must be "row", "object", "array", "pluck" or "expand", got the string "rows"',
  from: async ({ open }) =>
    (await open()).execute(unchecked<string>({ sql: "select 1", rowMode: "rows" })),
});

// ---------------------------------------------------------------------------------------------------
about("locks");

error("another process writes", {
  code: "SQLITE_BUSY",
  message: "database is locked",
  from: async ({ open, dir, t }) => {
    const client = await open();
    await lockElsewhere(t, join(dir, "a.db"), "write");
    return client.execute("insert into t values (1)");
  },
});
error("a transaction of another client of the process writes, and is idle", {
  code: "SQLITE_BUSY",
  message:
    "database is locked: a transaction of another client of this process holds the lock; commit or roll it back " +
    "first, or set a longer timeout",
  from: async ({ open }) => {
    const client = await open();
    await (await open()).transaction();
    return client.execute("insert into t values (1)");
  },
});
error("a transaction of the client writes, and is idle", {
  code: "SQLITE_BUSY",
  message:
    "database is locked: a transaction of this client holds the lock and has been idle for %d ms; commit or " +
    "roll it back before writing outside of it",
  from: async ({ open }) => {
    const client = await open("a.db", { timeout: 20 });
    await (await client.transaction()).execute("insert into t values (1)");
    return client.execute("insert into t values (2)");
  },
});
error("a transaction of the client holds its only connection, and is idle", {
  code: "SQLITE_BUSY",
  message:
    "database is locked: a transaction of this client holds its only connection and has been idle for %d ms; " +
    "commit or roll it back before using the client outside of it",
  from: async ({ open }) => {
    const client = await open("a.db", { timeout: 20 });
    await client.execute("create temp table x (a)");
    await client.transaction();
    return client.execute("select 1");
  },
});
error("a transaction of execute() is idle", {
  code: "SQLITE_BUSY",
  message:
    'database is locked: a transaction that execute("BEGIN") has begun on this client has been idle for %d ms; ' +
    "COMMIT or ROLLBACK it, by execute(), before batch() or migrate() is called",
  from: async ({ open }) => {
    const client = await open("a.db", { timeout: 20 });
    await client.execute("begin");
    return client.batch(["select 1"]);
  },
});
error("a database in memory has a transaction", {
  code: "TRANSACTION_ACTIVE",
  message:
    "This client has a single connection, which an open transaction is holding. In-memory databases and " +
    "embedded replicas cannot have more than one. Commit or roll back the transaction before using the client again.",
  from: async ({ open }) => {
    void open;
    const client = createClient({ url: ":memory:", timeout: 20 });
    await client.transaction();
    return client.execute("select 1").finally(() => client.close());
  },
});
error("transactions hold every connection", {
  code: "TRANSACTION_ACTIVE",
  message:
    "All 2 connections for transactions are in use: 2 transactions are open, the longest idle for %d ms, and 1 " +
    "wait to begin. Commit or roll back one, or raise `concurrency`.",
  from: async ({ open }) => {
    const client = await open("a.db", { concurrency: 2, timeout: 20 });
    await client.transaction("read");
    await client.transaction("read");
    return client.transaction("read");
  },
});
error("a client has as many calls as it may have", {
  code: "QUEUE_FULL",
  message:
    "This client has as many unanswered calls as `maxQueue` allows: %d. Call it again once some of them have " +
    "their answer, or raise `maxQueue`.",
  from: async ({ open }) => {
    const client = await open("a.db", { maxQueue: 1 } as object);
    const first = client.batch(["select 1"]);
    return client.execute("select 1").finally(() => first);
  },
});

error("the connection of an iterator is closed", {
  code: "CURSOR_CLOSED",
  message:
    "The statement of this iterator is not open any more: its connection was closed. Run it again.",
  from: async ({ open }) => {
    const client = await open();
    await client.execute("begin");
    const rows = client.iterate("values (1), (2)", { chunk: 1 });
    await rows.next();
    await client.execute("rollback");
    await rows.next();
    return rows.next();
  },
});

// ---------------------------------------------------------------------------------------------------
about("a transaction");

error("it has ended", {
  code: "TRANSACTION_CLOSED",
  message: "The transaction is closed",
  from: async ({ open }) => {
    const transaction = await (await open()).transaction();
    await transaction.commit();
    return transaction.execute("select 1");
  },
});
error("a statement of a batch has ended it", {
  code: "TRANSACTION_CLOSED",
  message: "The transaction has been rolled back",
  from: async ({ open }) => (await open()).batch(["rollback", "select 1"], "write"),
});
error("it was begun to read, and writes", {
  code: "SQLITE_READONLY",
  message: 'attempt to write a readonly database: this transaction is of mode "read"',
  from: async ({ open }) =>
    (await (await open()).transaction("read")).execute("insert into t values (1)"),
});
error("the mode does not exist", {
  name: "RangeError",
  message: "Unknown transaction mode, supported values are …",
  from: async ({ open }) => (await open()).transaction(unchecked<"read">("much")),
});
error("the options of a function's transaction are a mode", {
  name: "TypeError",
  message:
    'Expected the options of transaction(fn) as an object with mode, signal or retries, got the string "write"',
  from: async ({ open }) => (await open()).transaction(async () => 1, unchecked<object>("write")),
});
error("retries is a text", {
  name: "TypeError",
  message: 'Expected retries as a number of repetitions, got the string "3"',
  from: async ({ open }) =>
    (await open()).transaction(async () => 1, { retries: unchecked<number>("3") }),
});
error("retries is negative", {
  name: "RangeError",
  message: "Expected retries as a number of repetitions (0, 1, …), got -1",
  from: async ({ open }) => (await open()).transaction(async () => 1, { retries: -1 }),
});
error("a nested transaction has no function", {
  name: "TypeError",
  message:
    'Expected the function of a nested transaction, got the string "write": pass a function that takes the ' +
    "transaction",
  from: async ({ open }) =>
    (await (await open()).transaction()).transaction(unchecked<() => Promise<void>>("write")),
});
error("a nested transaction waits for one that waits for it", {
  code: "TRANSACTION_ACTIVE",
  message:
    "Another transaction inside of this one is open, and has been idle for %d ms. Call transaction() of " +
    "that one, or let it end before.",
  from: async ({ open }) => {
    const client = await open("a.db", unchecked<object>({ acquireTimeout: 20 }));
    const transaction = await client.transaction();
    return transaction.transaction(() => transaction.transaction(async () => 1));
  },
});

// ---------------------------------------------------------------------------------------------------
about("a client");

error("it is closed", {
  code: "CLIENT_CLOSED",
  message: "The client is closed",
  from: async ({ open }) => {
    const client = await open();
    client.close();
    return client.execute("select 1");
  },
});
error("it was never opened", {
  code: "CLIENT_NEVER_OPENED",
  message: "The client was never opened: make one with createClient()",
  from: ({ dir }) => new Sqlite3Client(new ConnectionPool(`${dir}/a`, {}, 1)).execute("select 1"),
});
error("it was the client of a build, which is over", {
  code: "CLIENT_CLOSED",
  message:
    "The client is closed for good: it was there for a swap's build or verify, which is over. Make one of " +
    "your own with createClient()",
  from: async ({ dir }) => {
    let kept: LocalClient | undefined;
    await swapDatabase(join(dir, "b.db"), {
      build: (staging) => {
        kept = staging;
        return table(staging);
      },
    });
    return kept?.reconnect();
  },
});
error("timeoutMs of shutdown() is a text", {
  name: "TypeError",
  message: "timeoutMs is a number of milliseconds, not string",
  from: async ({ open }) => (await open()).shutdown({ timeoutMs: unchecked<number>("1") }),
});
error("a prepared statement was closed", {
  code: "STATEMENT_CLOSED",
  message: "The prepared statement is closed: prepare it again",
  from: async ({ open }) => {
    const statement = (await open()).prepare("select 1");
    statement.close();
    return statement.execute();
  },
});
error("the SQL of prepare() is no text", {
  name: "TypeError",
  message: "Expected SQL as a string, got 7",
  from: async ({ open }) => (await open()).prepare(unchecked<string>(7)),
});
error("what executeMany() takes is no iterable", {
  name: "TypeError",
  message: "Expected lists of arguments as an iterable or an async iterable, got 5",
  from: async ({ open }) =>
    (await open()).prepare("select 1").executeMany(unchecked<Iterable<[]>>(5)),
});
error("chunk of iterate() is a text", {
  name: "TypeError",
  message: 'chunk is a number of rows, not the string "1"',
  from: async ({ open }) => (await open()).iterate("select 1", { chunk: unchecked<number>("1") }),
});
error("chunk of iterate() is no whole number", {
  name: "RangeError",
  message: "chunk is a whole number of rows from 1 on, not %d.%d",
  from: async ({ open }) => (await open()).iterate("select 1", { chunk: 1.5 }),
});
error("timeoutMs of shutdown() is NaN", {
  name: "RangeError",
  message: "timeoutMs is NaN",
  from: async ({ open }) => (await open()).shutdown({ timeoutMs: Number.NaN }),
});
error("terminateWorker() gets no worker", {
  name: "TypeError",
  message: "terminateWorker takes a Worker",
  from: () => terminateWorker(unchecked({})),
});

// ---------------------------------------------------------------------------------------------------
about("replaceDatabase()");

error("the database is in memory", {
  code: "NOT_A_FILE",
  message:
    "The database of this client is in memory, or a temporary one: there is no file that could be replaced, " +
    "and its data would be lost with its connection",
  from: () => {
    const client = createClient({ url: ":memory:" });
    return client.replaceDatabase({ build: table }).finally(() => client.close());
  },
});
error("the client has TEMP tables", {
  code: "CONNECTION_STATE",
  message:
    "This client has used TEMP tables, ATTACH or PRAGMA locking_mode = exclusive: what these made is on its " +
    "connection, and would be lost. Call reconnect(), which drops it, and try again, or use a client of its " +
    "own for such things.",
  from: async ({ open }) => {
    const client = await open();
    await client.execute("create temp table x (a)");
    return client.replaceDatabase({ build: table });
  },
});
error("a transaction stays open", {
  code: "TRANSACTION_ACTIVE",
  message:
    "The client could not be suspended within %d ms: 1 of its transactions is still open. Commit or roll back; " +
    "the owner of a transaction must not wait for a call of the client outside of it, or allow more time. " +
    "Nothing was changed, and the client goes on.",
  from: async ({ open }) => {
    const client = await open();
    await client.transaction("read");
    return client.replaceDatabase({ build: table, timeoutMs: 20 });
  },
});

// ---------------------------------------------------------------------------------------------------
about("the path of a swap");

error("it is a URL of another scheme", {
  code: "URL_SCHEME_NOT_SUPPORTED",
  step: "resolve",
  message:
    'target is a URL that names no file, https://host/a: the scheme "https:" names no file. Give a path or a "file:" URL',
  from: () => recover("https://me:secret@host/a?token=secret"),
});
error("it is a URL with a fragment", {
  code: "URL_INVALID",
  step: "resolve",
  message:
    'target is a URL that names no file, file:a: URL fragments are not supported: "#b". In a URL ' +
    "write % as %25, ? as %3F and # as %23; or give the path itself",
  from: () => recover("file:a#b"),
});
error("it is a URL of a database in memory", {
  code: "URL_INVALID",
  step: "resolve",
  message:
    "target is a URL that names no file, file::memory:: The URL names a database in memory, which " +
    "is no file. In a URL write % as %25, ? as %3F and # as %23; or give the path itself",
  from: () => recover("file::memory:"),
});
error("its bytes are not UTF-8", {
  code: "PATH_NOT_UTF8",
  step: "resolve",
  message:
    "target is not valid Unicode, so that it cannot be passed on unchanged: …. Use another path",
  from: () => recover(Buffer.from([0xff])),
});
error("it is a number", {
  name: "TypeError",
  message:
    "target must be a path: a string, a file: URL or a Buffer that is not empty and holds no NUL",
  from: () => recover(unchecked<string>(5)),
});
error("the working directory is gone", {
  code: "IO_ERROR",
  step: "resolve",
  errno: "ENOENT",
  message: "finding b: ENOENT: …. Change to a directory that is there, or give an absolute path",
  from: ({ dir }) => inMissingDirectory(dir, () => swapDatabase(join(dir, "a"), { source: "b" })),
});
error("its directory is missing", {
  code: "DIRECTORY_MISSING",
  step: "resolve",
  message: "finding DIR/none: the directory does not exist; create it first",
  from: ({ dir }) => swapFile(join(dir, "none/a"), { data: "" }),
});
for (const path of ["f/a", "f/b/a"]) {
  error(`a file has the name of its directory (${path})`, {
    code: "DIRECTORY_MISSING",
    step: "resolve",
    message: "finding DIR/f: it is a file, not a directory; name a file in a directory",
    from({ dir }) {
      fs.writeFileSync(join(dir, "f"), "");
      return swapFile(join(dir, path), { data: "" });
    },
  });
}
error("it is a directory", {
  code: "TARGET_IS_DIRECTORY",
  step: "resolve",
  message: "finding DIR: it is a directory; name a file",
  from: ({ dir }) => swapFile(dir, { data: "" }),
});
error("it is a device", {
  code: "TARGET_NOT_A_FILE",
  step: "resolve",
  message: "finding /dev/null: it is a device, where a regular file is needed; name one",
  from: () => swapFile("/dev/null", { data: "" }),
});
error("its links form a loop", {
  code: "TOO_MANY_LINKS",
  step: "resolve",
  message: "finding DIR/loop: its symbolic links form a loop; remove one of them",
  from({ dir }) {
    fs.symlinkSync("loop", join(dir, "loop"));
    return swapFile(join(dir, "loop"), { data: "" });
  },
});
error("its name is too long", {
  code: "NAME_TOO_LONG",
  step: "resolve",
  errno: "ENAMETOOLONG",
  message: "finding DIR/n…: File name too long (os error %d); use a shorter name or path",
  from: ({ dir }) => swapFile(join(dir, "n".repeat(300)), { data: "" }),
});
for (const length of [250, 300]) {
  error(`the name of a database is too long (${length})`, {
    code: "NAME_TOO_LONG",
    step: "resolve",
    message: `finding DIR/n…: ${LONG}`,
    async from({ dir, open, t }) {
      await open();
      const name = join(dir, "n".repeat(length));
      const before = fs.readdirSync(dir);
      const copy = copyDatabase(join(dir, "a.db"), name);
      await t.throwsAsync(copy, { code: "NAME_TOO_LONG" });
      return swapDatabase(name, { build: table }).finally(() =>
        t.deepEqual(fs.readdirSync(dir), before),
      );
    },
  });
}
error("the source is missing", {
  code: "SOURCE_MISSING",
  step: "resolve",
  message: "finding DIR/none: it does not exist; name a file that does",
  from: ({ dir }) => swapFile(join(dir, "a"), { source: join(dir, "none") }),
});
error("the source is a directory", {
  code: "SOURCE_NOT_A_FILE",
  step: "resolve",
  message: "finding DIR: it is a directory, where a regular file is needed; name one",
  from: ({ dir }) => copyDatabase(dir, join(dir, "a")),
});
error("the source is the target", {
  code: "SOURCE_IS_TARGET",
  step: "resolve",
  message: "finding DIR/a: source and target are the same file; name another source",
  from({ dir }) {
    fs.writeFileSync(join(dir, "a"), "");
    return swapFile(join(dir, "a"), { source: join(dir, "a") });
  },
});

// ---------------------------------------------------------------------------------------------------
about("the options of a swap");

for (const [happened, options, message] of [
  ["there are none", undefined, "swapFile() needs options with source or data"],
  ["there is no content", {}, "swapFile() needs exactly one of source (a path) and data"],
  [
    "mode is a text",
    { data: "", mode: "755" },
    "mode must be an integer from 0 to 0o7777, for example 0o755",
  ],
  [
    "durability is none of the three",
    { data: "", durability: "much" },
    "durability must be one of full, barrier, none",
  ],
  [
    "retryMs is negative",
    { data: "", retryMs: -1 },
    "retryMs must be a number of milliseconds that is not negative",
  ],
  ["prepare is a text", { data: "", prepare: "codesign" }, "prepare must be a function"],
  ["data is a number", { data: 5 }, "data must be a string, bytes, or a stream of them"],
] as const) {
  error(happened, {
    name: "TypeError",
    message,
    from: ({ dir }) => swapFile(join(dir, "a"), unchecked(options)),
  });
}
for (const [happened, options, message] of [
  ["a database: there are none", null, "a database swap needs options with build or source"],
  [
    "a database: there is no content",
    {},
    "a database swap needs exactly one of build (a function) and source",
  ],
  [
    "a database: inUse is none of the three",
    { build: table, inUse: "much" },
    "inUse must be one of refuse, wait, in-place",
  ],
  [
    "a database: timeoutMs is a text",
    { build: table, timeoutMs: "1" },
    "timeoutMs must be a number of milliseconds that is not negative",
  ],
] as const) {
  error(happened, {
    name: "TypeError",
    message,
    from: ({ dir }) => swapDatabase(join(dir, "a"), unchecked(options)),
  });
}

// ---------------------------------------------------------------------------------------------------
about("the swap of a file");

const target = ({ dir }: Place): string => join(dir, "a");
const detached = async (place: Place, spoil: (data: Uint8Array) => void): Promise<unknown> => {
  const data = new Uint8Array(8 * 1024 * 1024);
  const swap = swapFile(target(place), { data });
  spoil(data);
  return swap;
};
error("prepare throws", {
  code: "PREPARE_FAILED",
  step: "prepare",
  message: "prepare threw while it worked on DIR/.staging-…-a: no key",
  from: (place) =>
    swapFile(target(place), {
      data: "",
      prepare: () => {
        throw new Error("no key");
      },
    }),
});
error("prepare removes the file", {
  code: "STAGING_MISSING",
  step: "prepare",
  message:
    "preparing DIR/.staging-…-a: it does not exist; what runs before this step (prepare, build or verify) must " +
    "leave a regular file of this name",
  from: (place) => swapFile(target(place), { data: "", prepare: (path) => fs.rmSync(path) }),
});
error("prepare leaves a directory", {
  code: "STAGING_NOT_A_FILE",
  step: "prepare",
  message:
    "preparing DIR/.staging-…-a: it is a directory, where a regular file is needed; what runs before this step " +
    "(prepare, build or verify) must leave a regular file of this name",
  from: (place) =>
    swapFile(target(place), {
      data: "",
      prepare(path) {
        fs.rmSync(path);
        fs.mkdirSync(path);
      },
    }),
});
error("prepare leaves a hard link", {
  code: "STAGING_IS_LINK",
  step: "prepare",
  message:
    "preparing DIR/.staging-…-a: it is a hard link to another file, which would become the target too; copy " +
    "that file instead",
  from: (place) =>
    swapFile(target(place), {
      data: "",
      prepare(path) {
        fs.writeFileSync(join(place.dir, "other"), "");
        fs.rmSync(path);
        fs.linkSync(join(place.dir, "other"), path);
      },
    }),
});
error("prepare leaves a -wal with transactions", {
  code: "STAGING_HAS_SIDECAR",
  step: "prepare",
  message:
    "preparing DIR/.staging-…-a-wal: it belongs to the staging file, a database that prepare did not close, and " +
    "its transactions would be lost; close the database in prepare",
  from: (place) =>
    swapFile(target(place), {
      data: "",
      prepare: (path) => fs.writeFileSync(`${path}-wal`, "x".repeat(100)),
    }),
});
error("the stream of the data breaks", {
  code: "DATA_FAILED",
  step: "write",
  message: "the data for DIR/a broke off: connection lost",
  from: (place) =>
    swapFile(target(place), {
      data: (async function* () {
        yield "half";
        throw new Error("connection lost");
      })(),
    }),
});
error("the stream of the data gives numbers", {
  code: "DATA_FAILED",
  step: "write",
  message:
    "the data for DIR/a broke off: The stream gave number where a string or bytes were expected",
  from: (place) =>
    swapFile(target(place), {
      data: (async function* () {
        yield unchecked<string>(5);
      })(),
    }),
});
error("the stream of the data was closed", {
  code: "DATA_FAILED",
  step: "write",
  message:
    "the data for DIR/a broke off: the stream was closed before; give one that nobody has read or closed",
  from: async (place) => {
    fs.writeFileSync(join(place.dir, "source"), "");
    const data = fs.createReadStream(join(place.dir, "source"));
    data.destroy();
    await new Promise<void>((resolve) => data.once("close", () => resolve()));
    return swapFile(target(place), { data });
  },
});
error("the stream of the data was read", {
  code: "DATA_FAILED",
  step: "write",
  message:
    "the data for DIR/a broke off: the stream was read before, and has nothing left; give one that nobody has " +
    "read or closed",
  from: async (place) => {
    const { Readable } = await import("node:stream");
    const data = Readable.from(["x"], { autoDestroy: false });
    for await (const chunk of data.iterator({ destroyOnReturn: false })) void chunk;
    return swapFile(target(place), { data });
  },
});
error("the buffer is transferred", {
  code: "DATA_FAILED",
  step: "write",
  message:
    "the data for DIR/a broke off: The buffer was transferred away before the promise settled",
  from: (place) =>
    detached(place, ({ buffer }) => structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })),
});
error("the target is an open database", {
  code: "FILE_IS_OPEN_DATABASE",
  step: "lock",
  message:
    "locking DIR/a.db: this process has it open as a database, or the database that it belongs to; first close " +
    "the clients that opened it, or DETACH it in the clients that attached it",
  from: async ({ dir, open }) => {
    await open();
    return swapFile(join(dir, "a.db"), { data: "" });
  },
});
error("another SQLite of the process has the target open", {
  code: "OPEN_ELSEWHERE_IN_PROCESS",
  step: "sync",
  message:
    "syncing DIR/a.db: another SQLite library in this process has it open as a database, or the database that it " +
    "belongs to; close it there first",
  from: async ({ dir, t }) => {
    const other = openElsewhere(join(dir, "a.db"));
    t.teardown(() => other.close());
    other.exec("pragma journal_mode = wal; create table t (a)");
    return fsyncFile(join(dir, "a.db"));
  },
});
error("a -wal with transactions is beside the target", {
  code: "TARGET_HAS_SIDECAR",
  message:
    "… DIR/a-wal: it belongs to the old database DIR/a, and SQLite would read it into the new file; replace the " +
    "database with swapDatabase (or replaceDatabase), or open and close it first",
  from: (place) => {
    fs.writeFileSync(target(place), "");
    fs.writeFileSync(`${target(place)}-wal`, Buffer.from("377f0682".padEnd(200, "0"), "hex"));
    return swapFile(target(place), { data: "" });
  },
});
error("a directory has the name of the lock file", {
  code: "UNTRUSTED_FILE",
  step: "lock",
  message: "locking DIR/.swap-lock-a: it is a directory, where a regular file belongs; remove it",
  from: (place) => {
    fs.mkdirSync(join(place.dir, ".swap-lock-a"));
    return swapFile(target(place), { data: "" });
  },
});
error("the directory may not be written", {
  code: "NO_PERMISSION",
  step: "lock",
  errno: "EACCES",
  message: `locking DIR/closed/.swap-lock-b: ${DENIED}`,
  from: (place) => elsewhere(place, "nobody", "swap"),
});
error("the source may not be read", {
  code: "NO_PERMISSION",
  step: "resolve",
  errno: "EACCES",
  message: `finding DIR/secret.db: ${DENIED}`,
  from: (place) => elsewhere(place, "nobody", "source"),
});
error("the old file is another user's", {
  code: "NO_PERMISSION",
  step: "metadata",
  errno: "EPERM",
  message:
    "setting owner, mode and attributes of DIR/own/.staging-…-roots: its owner cannot be changed to that of the " +
    "old file (uid %d, gid %d): Operation not permitted (os error %d); swap as that user, or remove the old file first",
  unless: notRoot,
  from: (place) => elsewhere(place, "nobody", "owner"),
});
error("the process has no descriptor left", {
  code: "IO_ERROR",
  step: "lock",
  errno: "EMFILE",
  message: `locking DIR/.swap-lock-b: ${EMFILE}`,
  from: (place) => elsewhere(place, "descriptors", "swap"),
});
error("the process may make no larger file", {
  code: "IO_ERROR",
  step: "write",
  errno: "EFBIG",
  message:
    "writing DIR/.staging-…-b: File too large (os error %d); the file would be larger than the file system, or " +
    "this process's limit (ulimit -f), allows",
  from: (place) => elsewhere(place, "size", "swap"),
});
error("the disk is read-only", {
  code: "READ_ONLY",
  step: "lock",
  errno: "EROFS",
  message: `locking DIR/.swap-lock-b: ${ROFS}`,
  unless: noMounts,
  from: (place) => elsewhere(place, "mounted", "swap"),
});
error("the disk is full", {
  code: "DISK_FULL",
  step: "write",
  errno: "ENOSPC",
  message:
    "writing DIR/.staging-…-b: No space left on device (os error %d); make room on that disk, and try again",
  unless: noMounts,
  from: (place) => elsewhere(place, "full", "swap"),
});

// ---------------------------------------------------------------------------------------------------
about("single steps");

error("the file is missing", {
  code: "FILE_MISSING",
  step: "sync",
  message: "syncing DIR/a: it does not exist; name a file that does",
  from: (place) => fsyncFile(target(place)),
});
error("the file is a device", {
  code: "NOT_A_FILE",
  step: "sync",
  message: "syncing /dev/null: it is a device, where a regular file is needed; name one",
  from: () => fsyncFile("/dev/null"),
});
error("the directory is a file", {
  code: "NOT_A_DIRECTORY",
  step: "sync-directory",
  message: "syncing the directory DIR/a: it is not a directory; name a directory",
  from: (place) => {
    fs.writeFileSync(target(place), "");
    return fsyncDirectory(target(place));
  },
});
error("the file is a directory", {
  code: "IS_DIRECTORY",
  step: "sync",
  message: "syncing DIR: it is a directory; name a file",
  from: ({ dir }) => fsyncFile(dir),
});
error("the new name is a directory's", {
  code: "IO_ERROR",
  step: "rename",
  errno: "ENOTEMPTY",
  message: "renaming to DIR: Directory not empty (os error %d); it is a directory: name a file",
  from: (place) => {
    fs.writeFileSync(target(place), "");
    return renameDurably(target(place), place.dir);
  },
});
error("the new name is on another file system", {
  code: "IO_ERROR",
  step: "rename",
  errno: "EXDEV",
  message:
    "renaming to /dev/shm/…: Invalid cross-device link (os error %d); a file cannot be renamed to another file " +
    "system: copy it there",
  unless: !isOtherDisk("/dev/shm") && "/dev/shm is on the disk of temporary files",
  from: (place) => {
    fs.writeFileSync(target(place), "");
    return renameDurably(target(place), `/dev/shm/latchdb-${process.pid}`);
  },
});

// ---------------------------------------------------------------------------------------------------
about("the swap of a database");

const replaced = (place: Place, options: object): unknown =>
  swapDatabase(join(place.dir, "a.db"), unchecked({ build: table, ...options }));
/** The database exists, and nobody has it open. */
const existing = async (place: Place, sql = "select 1"): Promise<void> => {
  const client = await place.open();
  await client.executeMultiple(sql);
  client.close();
};
error("build throws", {
  code: "BUILD_FAILED",
  step: "build",
  message:
    "build threw while it made the new database, DIR/.staging-…-a.db: no such city. The old one is as it was",
  from: (place) => replaced(place, { build: () => Promise.reject(new Error("no such city")) }),
});
error("verify throws", {
  code: "VERIFY_FAILED",
  step: "verify",
  message:
    "verify looked at the new database, DIR/.staging-…-a.db, and threw: too few. The old database is as it was",
  from: (place) => replaced(place, { verify: () => Promise.reject(new Error("too few")) }),
});
error("verify says no", {
  code: "VERIFY_FAILED",
  step: "verify",
  message:
    "verify looked at the new database, DIR/.staging-…-a.db, and said no. The old database is as it was",
  from: (place) => replaced(place, { verify: () => false }),
});
error("verify writes", {
  code: "VERIFY_FAILED",
  step: "verify",
  message:
    "verify looked at the new database, DIR/.staging-…-a.db, and threw: SQLITE_READONLY: attempt to write a " +
    "readonly database: this connection was opened for reading only. The old database is as it was",
  from: (place) =>
    replaced(place, { verify: (staging: LocalClient) => staging.execute("drop table t") }),
});
error("shutdownAll() closes the client of build", {
  code: "BUILD_FAILED",
  step: "build",
  message:
    "shutdownAll(), or the host of this thread, closed a client of build before that was done: the new database, " +
    "DIR/.staging-…-a.db, may be incomplete. The old one is as it was",
  from: (place) => replaced(place, { build: () => shutdownAll() }),
});
error("shutdownAll() closes the client of verify", {
  code: "VERIFY_FAILED",
  step: "verify",
  message:
    "shutdownAll(), or the host of this thread, closed a client of verify before that was done: the new database, " +
    "DIR/.staging-…-a.db, may not be verified. The old one is as it was",
  from: (place) => replaced(place, { verify: () => shutdownAll() }),
});
error("a row refers to a missing one", {
  code: "FOREIGN_KEY_CHECK_FAILED",
  step: "check",
  message:
    "checking DIR/.staging-…-a.db: the new database fails foreign_key_check: row 1 of child refers to a missing " +
    "row of parent; correct its content",
  from: (place) =>
    replaced(place, {
      build: (staging: LocalClient) =>
        staging.executeMultiple(`pragma foreign_keys = off; create table parent (id integer primary key);
          create table child (a references parent (id)); insert into child values (7)`),
    }),
});
error("a row violates a CHECK", {
  code: "INTEGRITY_CHECK_FAILED",
  step: "check",
  message:
    "checking DIR/.staging-…-a.db: the new database fails integrity_check: CHECK constraint failed in c; correct " +
    "its content",
  from: (place) =>
    replaced(place, {
      build: (staging: LocalClient) =>
        staging.executeMultiple(`create table c (a check (a > 0));
          pragma ignore_check_constraints = on; insert into c values (-1)`),
    }),
});
error("an index of the source is wrong", {
  code: "INTEGRITY_CHECK_FAILED",
  step: "check",
  message:
    "checking the content of DIR/source.db: it fails integrity_check: …; mend it first, by REINDEX where indexes " +
    "are wrong, or use a backup",
  from: async (place) => {
    const client = await place.open("source.db");
    await client.executeMultiple(`create table i (a, b); create index x on i (a);
      insert into i values (1, 2); pragma writable_schema = on;
      update sqlite_schema set sql = 'create index x on i (b)' where name = 'x'`);
    client.close();
    return copyDatabase(join(place.dir, "source.db"), join(place.dir, "copy.db"));
  },
});
error("the source is damaged", {
  code: "DATABASE_CORRUPT",
  step: "check",
  message:
    "checking the content of DIR/damaged.db: it is damaged: database disk image is malformed; use a backup, or " +
    "save what can be read with .recover of the program sqlite3 (https://sqlite.org/recovery.html)",
  from: async (place) =>
    copyDatabase(join(place.dir, await damaged(place)), join(place.dir, "copy.db")),
});
error("the target is a text", {
  code: "NOT_A_DATABASE",
  message: "… DIR/a.db: it is not a SQLite database (or it is encrypted); name a database file",
  from: (place) => {
    fs.writeFileSync(join(place.dir, "a.db"), "no database ".repeat(500));
    return replaced(place, {});
  },
});
error("the target is a sidecar", {
  code: "NOT_A_DATABASE",
  step: "resolve",
  message: "finding DIR/a.db-wal: it is a sidecar of the database DIR/a.db; name that database",
  from: async (place) => {
    await existing(place);
    fs.writeFileSync(join(place.dir, "a.db-wal"), "");
    return swapDatabase(join(place.dir, "a.db-wal"), { build: table });
  },
});
error("a client of the process has it open", {
  code: "DATABASE_IN_USE",
  step: "prove",
  message:
    'checking for other openers of DIR/a.db: this process has it open; close it there, wait with inUse "wait", or ' +
    'allow "in-place"',
  from: async (place) => {
    await place.open();
    return replaced(place, {});
  },
});
error("a client of the process has it attached", {
  code: "DATABASE_IN_USE",
  step: "prove",
  message:
    "checking for other openers of DIR/a.db: this process has it open (this process by ATTACH in a client of " +
    'another database: DETACH it, or close that client); close it there, wait with inUse "wait", or allow "in-place"',
  from: async (place) => {
    await existing(place);
    const other = await place.open("b.db");
    await other.execute(`attach '${join(place.dir, "a.db")}' as b`);
    await other.execute("select * from b.t");
    return replaced(place, {});
  },
});
error("another SQLite of the process has it open", {
  code: "DATABASE_IN_USE",
  message:
    "… DIR/a.db: another SQLite library in this process has it open, and the two drop each other's locks " +
    "(https://sqlite.org/howtocorrupt.html, section 2.2); close it there first",
  from: (place) => {
    const other = openElsewhere(join(place.dir, "a.db"));
    place.t.teardown(() => other.close());
    other.exec("create table t (a)");
    return replaced(place, {});
  },
});
error("another process locks the source", {
  code: "DATABASE_BUSY",
  step: "write",
  message:
    "… DIR/a.db: another connection holds a lock on it, and has not released it in time; try again, or allow more " +
    "time with timeoutMs",
  from: async (place) => {
    await existing(place);
    const file = join(place.dir, "a.db");
    await lockElsewhere(place.t, file, "exclusive");
    return copyDatabase(file, join(place.dir, "copy.db"), { timeoutMs: 20 });
  },
});
error("build leaves a client open", {
  code: "STAGING_OPEN",
  step: "check",
  message:
    "checking DIR/.staging-…-a.db: this process still has the new database open; close its clients before build or " +
    "verify ends",
  from: (place) =>
    replaced(place, {
      build: async (staging: LocalClient) => {
        const { rows } = await staging.execute("select file from pragma_database_list");
        const kept = createClient({ url: `file:${rows[0]?.[0]}` });
        place.t.teardown(() => kept.close());
        await kept.execute("create table t (a)");
      },
    }),
});
error("in place, the page sizes differ", {
  code: "PAGE_SIZE_MISMATCH",
  step: "transfer",
  message:
    "copying the new database into DIR/a.db: its page size is 4096, and that of the new database is 8192; SQLite " +
    "cannot change the page size of a WAL database that others have open: build the new one with PRAGMA page_size = 4096",
  from: async (place) => {
    await existing(place, "pragma journal_mode = wal");
    await place.open();
    return replaced(place, {
      inUse: "in-place",
      build: (staging: LocalClient) =>
        staging.executeMultiple(
          "pragma journal_mode = delete; pragma page_size = 8192; vacuum; create table t (a)",
        ),
    });
  },
});
error("in place, the encodings differ", {
  code: "ENCODING_MISMATCH",
  step: "transfer",
  message:
    "copying the new database into DIR/a.db: its text encoding is UTF-8, and that of the new database is UTF-16le; " +
    "the connections that have it open could not continue: build the new one with PRAGMA encoding = 'UTF-8'",
  from: async (place) => {
    const source = await place.open("utf16.db");
    await source.executeMultiple("pragma encoding = 'UTF-16le'; create table t (a)");
    source.close();
    await place.open();
    return replaced(place, {
      build: undefined,
      source: join(place.dir, "utf16.db"),
      inUse: "in-place",
    });
  },
});
error("the target of a copy exists", {
  code: "TARGET_EXISTS",
  step: "resolve",
  message: "finding DIR/b: it exists already; remove it, or allow overwriting it",
  from: async (place) => {
    await existing(place);
    fs.writeFileSync(join(place.dir, "b"), "");
    return copyDatabase(join(place.dir, "a.db"), join(place.dir, "b"));
  },
});
for (const [happened, code, message, backup] of [
  [
    "the backup's name is taken",
    "BACKUP_EXISTS",
    "DIR/taken: it exists, and a backup does not overwrite a file; choose another name",
    "taken",
  ],
  [
    "a -wal has the backup's name",
    "BACKUP_EXISTS",
    "DIR/gone: DIR/gone-wal exists, and SQLite would read it into the backup; remove it, or choose another name",
    "gone",
  ],
  [
    "the backup's name is SQLite's",
    "BACKUP_NAME_RESERVED",
    "DIR/a.db-wal: the name is reserved for a file of SQLite or of a swap; choose another name",
    "a.db-wal",
  ],
  [
    "the backup is elsewhere",
    "BACKUP_NOT_BESIDE",
    "/backup: the backup must be in the directory of the database; give only a file name",
    "/backup",
  ],
  ["the backup's name is too long", "NAME_TOO_LONG", `DIR/n…: ${LONG}`, "n".repeat(250)],
] as const) {
  error(happened, {
    code,
    step: "backup",
    message: `backing up to ${message}`,
    from: async (place) => {
      await existing(place);
      fs.writeFileSync(join(place.dir, "taken"), "");
      fs.writeFileSync(join(place.dir, "gone-wal"), "");
      return replaced(place, { backup });
    },
  });
}
error("the backup of an earlier swap is still there", {
  code: "BACKUP_EXISTS",
  step: "recover",
  message:
    "recovering DIR/.swap-backup-a.db: it is the backup of an earlier swap, which could not be given its name; " +
    "move it elsewhere first",
  unless:
    "recovery gives it a name; only a directory that refuses that leaves it (replacing/double-faults.spec)",
  from: () => undefined,
});
error("the source is in WAL mode, and its directory may not be written", {
  code: "NO_PERMISSION",
  step: "write",
  errno: "EACCES",
  message: `reading DIR/closed/wal.db: DIR/closed/wal.db-wal${FOR_WAL} cannot be opened: ${DENIED}`,
  from: (place) => elsewhere(place, "nobody", "copy"),
});

// ---------------------------------------------------------------------------------------------------
about("the commands");

interface Command {
  run(args: string[]): Promise<void>;
}
const swap = internal<{ swap: Command }>("cli/swap").swap;
error("an argument is missing", {
  message: "missing required argument 'target'",
  from: () => swap.run(["a"]),
});
error("an argument is too many", {
  message: "unexpected argument 'c'",
  from: () => swap.run(["a", "b", "c"]),
});
error("an option is mistyped", {
  message: "unknown option '--jsn'\n(Did you mean --json?)",
  from: () => swap.run(["a", "b", "--jsn"]),
});
for (const [args, text] of [
  [
    ["--mode", "rwx"],
    "'--mode <octal>' argument 'rwx' is invalid. Give it in octal, for example 755.",
  ],
  [
    ["--retry", "soon"],
    "'--retry <ms>' argument 'soon' is invalid. Give a number of milliseconds.",
  ],
  [
    ["--durability", "much"],
    "'--durability <level>' argument 'much' is invalid. Allowed choices are full, barrier, none.",
  ],
  [
    ["--prepare", "true"],
    "'--prepare <command>' argument 'true' is invalid. Put {} where the new file's path belongs.",
  ],
  [
    ["--prepare", "cat '{}'"],
    "'--prepare <command>' argument 'cat '{}'' is invalid. Take the quotes away from around {}: the path that " +
      "takes its place is quoted already, and quotes within quotes would end them.",
  ],
] as const) {
  error(`an option is wrong (${args.join(" ")})`, {
    message: `option ${text}`,
    from: () => swap.run(["a", "b", ...args]),
  });
}
error("the command is mistyped", {
  message: "error: unknown command 'dokter'\n(Did you mean doctor?)\n\nUsage: latchdb <command> …",
  from: () => printed(["dokter"]),
});
error("the command of --prepare fails", {
  message:
    "latchdb swap: PREPARE_FAILED: prepare threw while it worked on DIR/.staging-…-a: the command ended with exit code 3\n",
  from: ({ dir }) => {
    fs.writeFileSync(join(dir, "source"), "");
    return printed(["swap", join(dir, "source"), join(dir, "a"), "--prepare", "exit 3 # {}"]);
  },
});
for (const [what, text, args, input] of [
  ["the SQL is empty", "there is no statement in the SQL", ["query", "file:DIR/q.db", ""]],
  [
    "--arg is for several statements",
    "--arg is for one statement, and there are several",
    ["query", "file:DIR/q.db", "select 1; select 2", "--arg", "1"],
  ],
  [
    "only some --arg have a name",
    "some of the --arg have a name (:name=value) and some have none",
    ["query", "file:DIR/q.db", "select :a, ?", "--arg", ":a=1", "--arg", "2"],
  ],
  [
    "a query leaves a transaction open",
    "the transaction was left open, and is rolled back",
    ["query", "file:DIR/q.db", "begin"],
  ],
  ["the URL is empty", "the URL is empty", ["query", "", "select 1"]],
  [
    "the token is in the URL",
    "the URL has a token, which other users of the machine can see: put it into the environment variable LATCHDB_AUTH_TOKEN",
    ["query", "http://host?authToken=secret", "select 1"],
  ],
  [
    "the variable of the token is not set",
    "the environment variable LATCHDB_NO_TOKEN, which should have the token, is not set",
    ["query", "http://host", "select 1", "--auth-token-env", "LATCHDB_NO_TOKEN"],
  ],
  [
    "a database is copied to itself",
    "the source and the target are one database",
    ["copy", "file:DIR/q.db", "file:DIR/q.db"],
  ],
  [
    "one token is for two servers",
    "there is one token for two servers: name the variable of each with --from-auth-token-env and --to-auth-token-env",
    ["copy", "http://a", "http://b", "--auth-token-env", "LATCHDB_NO_TOKEN"],
  ],
  [
    "the target of a copy is not empty",
    "the target is not empty: it has t. Name a new database, or drop all that is in this one with --replace",
    ["copy", "file:DIR/from.db", "file:DIR/to.db"],
  ],
  [
    "a dot command has too many arguments",
    "line 1: .mode takes at most one argument",
    ["shell", "file:DIR/q.db"],
    ".mode a b\n",
  ],
  [
    "a dot command is not known",
    "line 1: unknown command .nope: .help lists the commands",
    ["shell", "file:DIR/q.db"],
    ".nope\n",
  ],
  [
    ".explain has no statement",
    "line 1: .explain takes a statement on the same line",
    ["shell", "file:DIR/q.db"],
    ".explain\n",
  ],
  [
    "a script leaves a transaction open",
    "the transaction was left open, and is rolled back",
    ["shell", "file:DIR/q.db"],
    "begin;\n",
  ],
  [
    "--mode is not known",
    "option '--mode <mode>' argument 'x' is invalid. Allowed choices are table, line, json, csv.",
    ["shell", "file:DIR/q.db", "--mode", "x"],
  ],
] as const) {
  error(`${args[0]}: ${what}`, {
    message: `…${text}…`,
    from: async ({ dir }) => {
      for (const name of ["from.db", "to.db"]) {
        const client = createClient({ url: `file:${join(dir, name)}` });
        await client.execute("create table t (a)");
        client.close();
      }
      return printed(
        args.map((part: string) => part.replace("DIR", dir)),
        input,
      );
    },
  });
}
error("doctor examines a damaged database", {
  message:
    "…\n\nchecking DIR/damaged.db: it is damaged: database disk image is malformed; use a backup, or save what can " +
    "be read with .recover of the program sqlite3 (https://sqlite.org/recovery.html)\n",
  from: async (place) => printed(["doctor", join(place.dir, await damaged(place))]),
});

// ---------------------------------------------------------------------------------------------------
about("a database on a server");

/** A call on a server that answers each request so. */
const onServer = async (
  fetch: () => Response | Promise<Response>,
  call = "insert",
): Promise<unknown> => {
  const client = createClient({ url: "http://host/", fetch } as Config);
  const statement = "insert into t values (1)";
  try {
    return await (call === "insert"
      ? client.execute(statement)
      : client.executeMultiple(statement));
  } finally {
    client.close();
  }
};
const answer =
  (status: number, text: string, headers: Record<string, string> = {}) =>
  () =>
    new Response(text, { status, headers: { "content-type": "text/plain", ...headers } });
const systemError = (code: string) => () =>
  Promise.reject(
    new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) }),
  );
const MAYBE =
  "The server may have carried the request out: look into the database before trying again";
const json = { "content-type": "application/json" };

error("the option is for files: encryptionKey", {
  code: "ENCRYPTION_KEY_NOT_SUPPORTED",
  message:
    "Encryption key is not supported by the remote client: encryptionKey is for files. The key of a database that " +
    "its server keeps encrypted is remoteEncryptionKey",
  from: () => url("https://host", { encryptionKey: "x" }),
});
error("the option is for files: syncUrl", {
  code: "SYNC_NOT_SUPPORTED",
  message:
    "syncUrl is for embedded replicas, whose url is a file; the url of this client is that of a server. Remove " +
    "syncUrl to use the server's database",
  from: () => url("https://host", { syncUrl: "https://other" }),
});
error("the URL has no TLS, and tls is true", {
  code: "URL_INVALID",
  message: 'A "http:" URL cannot opt into TLS by using ?tls=1',
  from: () => url("http://host", { tls: true }),
});
error("the URL has TLS, and tls is false", {
  code: "URL_INVALID",
  message: 'A "wss:" URL cannot opt out of TLS by using ?tls=0',
  from: () => url("wss://host?tls=0"),
});
error("the URL has a password", {
  code: "URL_INVALID",
  message: 'A "http:" URL cannot have a user and a password: pass a token as authToken',
  from: () => url("http://me:secret@host"),
});
error("fetch is no function", {
  name: "TypeError",
  message: "fetch must be a function, got 5",
  from: () => url("http://host", { fetch: 5 }),
});
for (const [code, what] of [
  ["ECONNREFUSED", "refused the connection: is the server running, and are host and port right?"],
  [
    "ENOTFOUND",
    "has a host whose name could not be resolved: is the name right, and does DNS work here?",
  ],
  ["EHOSTUNREACH", "is not reachable from here: is the network up?"],
  ["UND_ERR_CONNECT_TIMEOUT", "has not accepted the connection in time: does a firewall drop it?"],
  [
    "CERT_HAS_EXPIRED",
    "could not be connected to by TLS: is the certificate valid for this host, and does the server speak TLS on this port?",
  ],
] as const) {
  error(`the server cannot be reached (${code})`, {
    code: "SERVER_UNREACHABLE",
    message: `http://host/ ${what} (${code}). The request was not sent`,
    from: () => onServer(systemError(code)),
  });
}
for (const [text, what] of [
  ["bad port", "has a port that fetch() does not connect to: let the server listen on another one"],
  [
    "Fetch failed: Requests to port 1 are blocked",
    "has a port that fetch() does not connect to: let the server listen on another one",
  ],
  [
    'Requires net access to "host:80", run again with the --allow-net flag',
    "may not be connected to: Deno needs the permission (--allow-net)",
  ],
  [
    "error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)",
    "refused the connection: is the server running, and are host and port right?",
  ],
  [
    "error sending request: client error (Connect): dns error: failed to lookup address information",
    "has a host whose name could not be resolved: is the name right, and does DNS work here?",
  ],
  [
    "error sending request: client error (Connect): invalid peer certificate: UnknownIssuer",
    "could not be connected to by TLS: is the certificate valid for this host, and does the server speak TLS on this port?",
  ],
  [
    "error sending request: client error (Connect): tcp connect error: timed out",
    "could not be connected to: are host and port right, and is the server running?",
  ],
] as const) {
  error(`the server cannot be reached, by a text alone (${text})`, {
    code: "SERVER_UNREACHABLE",
    message: `http://host/ ${what} (${text}). The request was not sent`,
    from: () => onServer(() => Promise.reject(new TypeError(text))),
  });
}
for (const text of ["Failed to fetch", "Load failed", "Network connection lost."]) {
  error(`the runtime does not say why there is no answer (${text})`, {
    code: "CONNECTION_LOST",
    message: `http://host/ could not be reached, or does not allow this page (CORS), or the connection was lost before the answer was complete: this runtime does not say which (${text}). ${MAYBE}`,
    from: () => onServer(() => Promise.reject(new TypeError(text))),
  });
}
error("a result has an infinite REAL", {
  code: "HRANA_PROTO_ERROR",
  message:
    "The result has an infinite REAL, and the server sends none: JSON has no number for it. Select it as a text: CAST(x AS TEXT) is 'Inf' or '-Inf'",
  from: () => {
    const rows = '[[{"type":"float","value":null}]]';
    const result = `{"cols":[{"name":"x"}],"rows":${rows},"affected_row_count":0,"last_insert_rowid":null}`;
    const results = `[{"type":"ok","response":{"type":"execute","result":${result}}},{"type":"ok","response":{"type":"close"}}]`;
    return onServer(answer(200, `{"baton":null,"base_url":null,"results":${results}}`, json));
  },
});
error("the connection is cut", {
  code: "CONNECTION_LOST",
  message: `the connection to http://host/ was lost before the answer was complete (ECONNRESET). ${MAYBE}`,
  from: () => onServer(systemError("ECONNRESET")),
});
for (const [status, advice] of [
  [400, ""],
  [401, ". Is authToken right, and has it not expired?"],
  [403, ". Does authToken allow this?"],
  [404, ". Is the URL that of a database of a libSQL server?"],
  [413, ". Split the batch, or store large values in parts"],
  [429, ". The server limits how often it is asked: try again later, or lower concurrency"],
  [503, `. The server, or its database, is not available at the moment: try again later. ${MAYBE}`],
] as const) {
  error(`the server answers with status ${status}`, {
    code: "SERVER_ERROR",
    message: `Server returned HTTP status ${status}: so it says${advice}`,
    from: () => onServer(answer(status, "so it says")),
  });
}
error("the server asks to wait", {
  code: "SERVER_ERROR",
  message: "Server returned HTTP status 400. The server asks to wait for 7 (Retry-After)",
  from: () => onServer(answer(400, "", { "retry-after": "7" })),
});
error("the server redirects", {
  code: "SERVER_ERROR",
  message:
    "The server redirects to http://other, and nothing was carried out: use that server's URL",
  from: () => {
    const page = Object.defineProperties(new Response("a page"), {
      redirected: { value: true },
      url: { value: "http://other/page" },
    });
    return onServer(() => page);
  },
});
error("the answer is no JSON", {
  code: "HRANA_PROTO_ERROR",
  message: `The server's answer is not what the protocol says (…). ${MAYBE}`,
  from: () => onServer(answer(200, "<html>", json)),
});
error("a client of a server is to open a file its way", {
  code: "OPTION_NOT_SUPPORTED",
  message:
    "readOnly is not supported by remote clients: the server opens the database. Remove readOnly",
  from: () => url("http://host", { readOnly: true }),
});
error("a server is asked for the tables of columns", {
  code: "OPTION_NOT_SUPPORTED",
  message:
    'rowMode: "expand" is not supported by remote clients: a server does not say from which table a column is. Use ' +
    "another rowMode, and AS for columns with one name",
  from: () => createClient({ url: "http://host" }).execute({ sql: "select 1", rowMode: "expand" }),
});
error("one statement of a batch for a server has a limit", {
  code: "OPTION_NOT_SUPPORTED",
  message:
    "queryTimeout of a statement in a batch is not supported by remote clients: the server answers a batch as a " +
    "whole. Give it to batch()",
  from: () => createClient({ url: "http://host" }).batch([{ sql: "select 1", queryTimeout: 5 }]),
});
error("the server does not answer in time", {
  code: "SQLITE_INTERRUPT",
  message: `http://host/ has not answered within 20 ms (queryTimeout). ${MAYBE}`,
  from: async () => {
    const fetch = (): Promise<never> => new Promise(() => undefined);
    const client = createClient({ url: "http://host", fetch, queryTimeout: 20 } as Config);
    return await client.execute("select 1");
  },
});
error("a call was not sent in time", {
  code: "SQLITE_INTERRUPT",
  message: "the call was not sent to http://host/ within 20 ms (queryTimeout)",
  from: async () => {
    const authToken = (): Promise<never> => new Promise(() => undefined);
    const client = createClient(
      unchecked<Config>({ url: "http://host", authToken, queryTimeout: 20 }),
    );
    return await client.execute("select 1");
  },
});
error("the function gives no token", {
  name: "TypeError",
  message: "authToken() must give a string, got a value of type number",
  from: () =>
    createClient(unchecked<Config>({ url: "http://host", authToken: () => 5 })).execute("select 1"),
});
error("the token has a line break", {
  code: "AUTH_TOKEN_INVALID",
  message:
    "authToken has characters that a header of HTTP cannot have: is there a line break in it?",
  from: () => createClient({ url: "http://host", authToken: "a\nb" }).execute("select 1"),
});
error("there is nothing to synchronize", {
  code: "SYNC_NOT_SUPPORTED",
  message: "sync not supported in http mode",
  from: () => createClient({ url: "http://host" }).sync(),
});
error("there is no file to replace", {
  code: "NOT_A_FILE",
  message:
    "The database of this client is on a server (http://host/): there is no file here that could be replaced",
  from: () =>
    unchecked<LocalClient>(createClient({ url: "http://host" })).replaceDatabase({ build: table }),
});

error("there is no file to serialize", {
  code: "NOT_A_FILE",
  message:
    "The database of this client is on a server (http://host/): it does not hand out its file. npx latchdb copy copies the database to one",
  from: () => unchecked<LocalClient>(createClient({ url: "http://host" })).serialize(),
});

// ---------------------------------------------------------------------------------------------------
about("loading and installing the binary");

const require = createRequire(import.meta.url);
const load = (options: string[], env: object = {}): unknown => {
  const script = `try { require(${JSON.stringify(require.resolve("latchdb"))}).createClient({ url: ":memory:" }) }
    catch ({ code, message }) { console.log(JSON.stringify({ code, message })) }`;
  const ended = spawnSync(process.execPath, [...options, "-e", script], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  return JSON.parse(ended.stdout);
};
const isBun = process.versions["bun"] !== undefined;
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const permission = major < 22 ? "--experimental-permission" : "--permission";
const notLoaded = (where: string, why: string, ...advice: string[]): string =>
  `latchdb … could load no binary for … (…). Tried:\n  - ${where}: cannot be loaded: ${why}\n` +
  `What to do:\n${advice.map((line) => `  - ${line}`).join("\n")}`;
const ALLOW =
  "let Node load addons: add --allow-addons where --permission (Node 20: --experimental-permission) is given, and " +
  "take --no-addons away; look into NODE_OPTIONS, too";
for (const [happened, options, unless] of [
  ["node --no-addons", ["--no-addons"], isBun && "Bun has no such option"],
  [
    "node --permission",
    [permission, "--allow-fs-read=*"],
    (isBun || major < 20 || (major === 20 && minor < 12)) && "there is no --allow-addons",
  ],
] as const) {
  error(happened, {
    message: notLoaded("…", "…loading addons is disabled.…", ALLOW),
    unless,
    from: () => withoutCode(load([...options])),
  });
}
error("NAPI_RS_NATIVE_LIBRARY_PATH names no binary", {
  message: notLoaded(
    "NAPI_RS_NATIVE_LIBRARY_PATH=DIR/none.node",
    "…",
    "unset NAPI_RS_NATIVE_LIBRARY_PATH, or let it name a binary of this version",
  ),
  from: ({ dir }) => withoutCode(load([], { NAPI_RS_NATIVE_LIBRARY_PATH: join(dir, "none.node") })),
});
codes.add("ADDON_NOT_LOADED");

interface Installer {
  buildFromSource(staging: object, triple: string, say: () => void): Promise<string>;
  putInPlace(binary: string, triple: string): Promise<string>;
  fetchRelease(staging: object, triple: string, host: string | undefined, say: () => void): unknown;
}
const { buildFromSource } = internal<Installer>("install/build");
const FROM_SOURCE = "With Rust and a C compiler: npx latchdb-install --build-from-source";
const say = (): void => undefined;
/** Builds with a cargo that does this; without one where it does nothing. */
const build = async ({ dir }: Place, cargo?: string): Promise<unknown> => {
  if (cargo !== undefined) {
    fs.writeFileSync(join(dir, "cargo"), `#!/bin/sh\n${cargo}\n`, { mode: 0o755 });
  }
  const before = process.env["PATH"];
  process.env["PATH"] = dir;
  try {
    return await buildFromSource({ path: dir }, "x", say);
  } finally {
    process.env["PATH"] = before;
  }
};
error("there is no cargo", {
  message:
    "cargo could not be started (…). Building needs Rust (https://rustup.rs) and a C compiler: " +
    "cc, clang or Visual Studio's",
  from: (place) => build(place),
});
error("the build fails", {
  message: "the build failed: see cargo's output above",
  from: (place) => build(place, '[ "$1" = --version ]'),
});
error("the build makes no library", {
  message: "cargo built no loadable library",
  from: (place) => build(place, ":"),
});
error("this copy comes from no release", {
  message:
    "this copy of latchdb does not come from a release, so its binary is not published. Name a server that has " +
    `it: npx latchdb-install --host <url>. ${FROM_SOURCE}`,
  from: ({ dir }) =>
    internal<Installer>("install/fetch").fetchRelease({ path: dir }, "x", undefined, say),
});
error("the binary does not work", {
  message: "the binary does not work here and was thrown away:\n…",
  from: ({ dir }) => {
    fs.writeFileSync(join(dir, "x.node"), "no binary");
    return internal<Installer>("install/place").putInPlace(join(dir, "x.node"), "x");
  },
});

// ---------------------------------------------------------------------------------------------------

/** Texts whose cause cannot be made here, and why; or where a test makes it. */
const ELSEWHERE: Record<string, string> = {
  "is RANDOM ROWID, which only libSQL knows": "needs the stock client: errors/vector-index.spec",
  // libSQL's texts for its vectors, with which libsql-sql/vectors-differential.spec compares ours.
  "vector: ": "libsql-sql/vectors-differential.spec",
  "vector blob": "the same",
  "vector_distance: ": "the same",
  "dimensions are different:": "libsql-sql/vectors.spec",
  "vector type differs from column type:": "the same",
  "vector index: ": "the same",
  "first argument must be": "the same",
  "must contain at least one argument": "the same",
  // The texts of its functions, and of SQLite's regular expressions.
  "Numerical argument out of domain": "libsql-sql/functions-differential.spec",
  "Numerical result out of range": "the same",
  "' without operand": "the same",
  "POSIX character classes not supported": "the same",
  "n less than m in '": "the same",
  "both m and n are zero in '": "the same",
  "unknown \\ escape": "the same",
  "unrecognized character": "the same",
  "REGEXP pattern too big": "src/functions/regexp.rs",
  "has the libSQL vector index": "libSQL must have made the index: errors/vector-index.spec",
  "string or blob too big": "needs gigabytes: transactions/unreadable-returning.spec",
  "an open transaction holds this connection":
    "JavaScript never sends such a call: src/client/tests.rs",
  "malformed request (": "addon and JavaScript are of one version: src/client/tests.rs",
  "this thread is ending": "a worker that ends hears of nothing: teardown/ended-workers.spec",
  "internal error": "a defect of latchdb",
  "the job was cancelled": "becomes the error of the cancel",
  "the client is closed": "becomes CLIENT_CLOSED in JavaScript",
  "the client was never opened": "becomes CLIENT_NEVER_OPENED in JavaScript",
  "holds a lease on it (fcntl F_SETLEASE)": "needs a lease of another process: waiting/leases.spec",
  "another process changed it during the swap": "a race: replacing/other-writers.spec",
  "still exists beside the new database": "another process keeps the staging file open",
  "it is the backup of an earlier swap": "two faults: replacing/double-faults.spec",
  "it changed while it was copied": "a race: src/swap/file/tests.rs",
  "bytes were written, but the file has": "a disk that loses bytes: swap/short-writes.spec",
  "a program, which may be this one": "only Windows refuses",
  "it is loaded as a program or library": "only Windows refuses",
  "the new file is in place, but a power cut": "a sync that fails after the rename: src/swap tests",
  "the path is not valid UTF-8": "only a directory whose name is not UTF-8: src/swap/file/tests.rs",
  "the addon answered in a way":
    "addon and JavaScript are of one version: bad-input/unreadable-answers.spec",
  "a cell of a kind": "the same",
  "a text in an encoding": "the same",
  "a long value has not come": "the same",
  "a call in place has a long value": "the same",
  "the addon has not said": "the same",
  "a statement without a result": "a defect of latchdb",
  "There is no memory for a copy": "needs terabytes: settings/serialize.spec",
  "copyDatabase() copies one to a file": "the same",
  "The transaction has lost its connection": "needs a server: remote/faults.spec",
  "The transaction is over, and the server": "needs a server: remote/calls.spec",
  "the server has sent a value of a kind": "the protocol has no further kinds",
  "the call was ended": "becomes the error that has ended the call",
  "the stream of the cursor was closed":
    "its caller has ended the iterator, and nobody hears of it",
  "was not answered within": "a way that has gone dead: remote/faults.spec",
  "This environment does not support WebSockets": "Node and Bun do",
  "The buffer was resized": "a race with the write: swap/failures.spec",
  "the target is as it was": "a signal: swap/command.spec",
  "did not start": "the program node is missing",
  "Where there is no npm": "npm is missing",
  "the binary of this release could not be fetched":
    "needs a server: packaging/install-command.spec",
  "the call runs on another lane": "no caller sees it",
  "the statement cannot have a cursor": "no caller sees it",
  "the shell has ended": "the reason of an abort, which nothing prints",
  "and the target has got": "a race: cli/copy.spec",
  ": the copy is rolled back": "a race: cli/copy.spec",
  "the source has": "a race: cli/copy.spec",
  "the release's archive has no": "needs a server: packaging/install-command.spec",
  "the binary works, but cannot be put": "another program has it open on Windows",
  "cannot write to latchdb's own folder":
    "the checkout would have to be read-only: packaging/install-command.spec",
};

/** Codes without an entry, and why. */
const CODES: Record<string, string> = {
  SQLITE_NOMEM: "settings/serialize.spec",
  RESPONSE_TOO_LARGE: "remote/answers.spec",
  VECTOR_INDEX_NOT_SUPPORTED: "errors/vector-index.spec",
  RANDOM_ROWID_NOT_SUPPORTED: "errors/vector-index.spec",
  ENVIRONMENT_ENDED: "a worker that ends hears of nothing",
  ENVIRONMENT_CLOSING: "the same, of a swap",
  INTERNAL_ERROR: "a defect of latchdb",
  ANSWER_UNREADABLE: "bad-input/unreadable-answers.spec",
  DATABASE_CHANGED: "replacing/other-writers.spec",
  STAGING_SIDECAR: "another process keeps the staging file open",
  SOURCE_CHANGED: "a race",
  SIZE_MISMATCH: "swap/short-writes.spec",
  TARGET_IN_USE: "only Windows refuses",
  TARGET_IN_USE_AS_IMAGE: "only Windows refuses",
  NOT_DURABLE: "a sync that fails after the rename",
  SQLITE_ERROR: "SQLite's own texts",
  STREAM_EXPIRED: "a server's own: remote/faults.spec",
  TRANSACTION_TIMEOUT: "the same",
  SQL_PARSE_ERROR: "the same",
  SQL_NO_STATEMENT: "the same",
  SQL_MANY_STATEMENTS: "the same",
  HRANA_CLOSED_ERROR: "hrana-client's own",
  HRANA_WEBSOCKET_ERROR: "needs a server: remote/faults.spec",
  PROTOCOL_VERSION_ERROR: "hrana-client's own",
  WEBSOCKETS_NOT_SUPPORTED: "Node and Bun have WebSockets",
};

/** Words in capitals that are no codes. */
const NO_CODES = new Set([
  "NO_CURSOR",
  "NO_COLOR",
  "LATCHDB_HISTORY",
  "XDG_STATE_HOME",
  "LATCHDB_AUTH_TOKEN",
  "CARGO_PKG_VERSION",
  "LATCHDB_TEST_CHILD",
  "LATCHDB_STAGING",
  "EAI_AGAIN",
  "EAI_FAIL",
  "ERR_DNS_SET_SERVERS_FAILED",
  "UND_ERR_CONNECT_TIMEOUT",
  "MODULE_NOT_FOUND",
  "ERR_MODULE_NOT_FOUND",
  "ERR_DLOPEN_DISABLED",
  "SQLITE_CONSTRAINT_UNIQUE",
]);

test.serial("every text of the sources is on the page", (t) => {
  const all = appeared.join("\n");
  const isElsewhere = (piece: string): boolean =>
    Object.keys(ELSEWHERE).some((known) => piece.includes(known));
  const missing = sources
    .texts()
    .filter(({ pieces }) => !pieces.some(isElsewhere))
    .flatMap(({ file, pieces }) =>
      pieces.filter((piece) => !all.includes(piece)).map((piece) => `${file}: ${piece}`),
    );
  t.deepEqual(missing, []);
});

test.serial("every code of the sources is on the page", (t) => {
  const known = (code: string): boolean => codes.has(code) || code in CODES || NO_CODES.has(code);
  t.deepEqual(
    sources.codes().filter(({ code }) => !known(code)),
    [],
  );
});

function isOtherDisk(path: string): boolean {
  return fs.existsSync(path) && fs.statSync(path).dev !== fs.statSync(fs.realpathSync("/tmp")).dev;
}

async function inMissingDirectory<T>(dir: string, run: () => T): Promise<Awaited<T>> {
  const before = process.cwd();
  fs.mkdirSync(join(dir, "gone"));
  process.chdir(join(dir, "gone"));
  fs.rmdirSync(join(dir, "gone"));
  try {
    return await run();
  } finally {
    process.chdir(before);
  }
}

/** A database whose table has lost its page. */
async function damaged({ dir, open }: Place): Promise<string> {
  const client = await open("damaged.db");
  await client.execute("create table t (a)");
  client.close();
  const file = join(dir, "damaged.db");
  const pages = fs.readFileSync(file);
  fs.writeFileSync(file, pages.fill(0xff, 4096));
  return "damaged.db";
}

/** What a command prints, as the message of an error. */
function printed(args: string[], input = ""): { message: string } {
  const { bin } = require("latchdb/package.json") as { bin: { latchdb: string } };
  const program = join(require.resolve("latchdb/package.json"), "..", bin.latchdb);
  const { stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: "utf8",
    input,
  });
  return { message: stdout + stderr };
}

/** The text does not begin with the code. */
function withoutCode(said: unknown): { message: string } {
  const { code, message } = said as { code: string; message: string };
  if (code !== "ADDON_NOT_LOADED") throw new Error(`The code is ${code}`);
  return { message };
}
