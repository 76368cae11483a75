/** Where a path is wanted: a string, a `file:` URL, the bytes of a path; never another file. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import test from "ava";
import type { ExecutionContext } from "ava";
import {
  copyDatabase,
  createClient,
  fsyncDirectory,
  fsyncFile,
  recover,
  removeWithRetry,
  renameDurably,
  swapDatabase,
  SwapError,
  swapFile,
} from "latchdb";
import type { LocalClient, PathInput } from "latchdb";
import { temporaryDirectory } from "../support/database.mjs";
import { runCommand } from "../support/command.mjs";

/** The ways to name a file. The name needs no escape but that of the space. */
const FORMS: Record<string, (path: string) => PathInput> = {
  "a file:/ URL": (path) => `file:${encodeURI(path)}`,
  "a file:/// URL": (path) => `file://${encodeURI(path)}`,
  "a FILE://localhost/ URL": (path) => `FILE://localhost${encodeURI(path)}`,
  "a relative file: URL": (path) => `file:${encodeURI(relative(process.cwd(), path))}`,
  "a URL object": (path) => pathToFileURL(path),
  "a Buffer": (path) => Buffer.from(path),
  "a Uint8Array": (path) => new Uint8Array(Buffer.from(path)),
};

const build = (staging: LocalClient): Promise<unknown> => staging.execute("create table t (a)");

for (const [name, form] of Object.entries(FORMS)) {
  test(`every function takes ${name}`, async (t) => {
    const directory = await temporaryDirectory(t);
    const path = (file: string): string => join(directory, file);
    const given = (file: string): PathInput => form(path(file));
    await writeFile(path("source"), "new");
    await swapFile(given("an ü"), { source: given("source") });
    t.is(await readFile(path("an ü"), "utf8"), "new");
    await fsyncFile(given("an ü"));
    await fsyncDirectory(form(directory));
    await renameDurably(given("an ü"), given("to"));
    t.true(await removeWithRetry(given("to")));

    await swapDatabase(given("a.db"), { build });
    await swapDatabase(given("b.db"), { source: given("a.db") });
    // A relative name of a backup refers to the database's directory.
    const kept = name.includes("relative") ? "file:old.db" : given("old.db");
    const { backup } = await swapDatabase(given("b.db"), { build, backup: kept });
    t.is(backup, path("old.db"));
    await copyDatabase(given("a.db"), given("c.db"));
    const client = createClient({ url: `file:${path("c.db")}` });
    await client.replaceDatabase({ source: given("a.db") });
    client.close();
    t.is((await recover(given("c.db"))).target, path("c.db"));
    t.deepEqual((await readdir(directory)).sort(), ["a.db", "b.db", "c.db", "old.db", "source"]);
  });
}

test("a name that begins with file: is given as ./file:, or as bytes", async (t) => {
  const directory = await temporaryDirectory(t);
  const from = relative(process.cwd(), directory);
  await swapFile(`./${from}/file:a`, { data: "a" });
  await swapFile(Buffer.from(`${from}/https:`), { data: "b" });
  // A colon alone makes no URL.
  await swapFile(`${from}/../${from.split("/").at(-1)}/c:d`, { data: "c" });
  t.deepEqual((await readdir(directory)).sort(), ["c:d", "file:a", "https:"]);
});

const refused: Array<[what: string, given: PathInput, code: string, text: RegExp]> = [
  ["another scheme", "https://x/a", "URL_SCHEME_NOT_SUPPORTED", /"https:" names no file/],
  ["another scheme of an object", new URL("s3://b/a"), "URL_SCHEME_NOT_SUPPORTED", /"s3:"/],
  ["another host", "file://host/a", "URL_INVALID", /Invalid host/],
  ["a host without a slash", "file://a.db", "URL_INVALID", /Invalid host/],
  ["a query", "file:a?mode=ro", "URL_PARAM_NOT_SUPPORTED", /"mode".*write.*%3F/],
  ["a fragment", "file:a#b", "URL_INVALID", /fragments.*%23/],
  ["wrong percent-encoding", "file:100%", "URL_INVALID", /percent encoding.*%25/],
  ["a database in memory", "file::memory:", "URL_INVALID", /in memory/],
  ["bytes that are not UTF-8", Buffer.from([0x61, 0xff]), "PATH_NOT_UTF8", /Use another path/],
  ["half a surrogate pair", "a\ud800", "PATH_NOT_UTF8", /Use another path/],
];

/** Every function, at each of its paths, with the path that is wrong. */
function calls(wrong: PathInput, right: string): Array<Promise<unknown>> {
  const client = createClient({ url: `file:${right}` });
  return [
    swapFile(wrong, { data: "" }),
    swapFile(right, { source: wrong }),
    swapDatabase(wrong, { build }),
    swapDatabase(right, { source: wrong }),
    swapDatabase(right, { build, backup: wrong }),
    copyDatabase(right, wrong),
    copyDatabase(wrong, right),
    recover(wrong),
    fsyncFile(wrong),
    fsyncDirectory(wrong),
    renameDurably(wrong, right),
    renameDurably(right, wrong),
    removeWithRetry(wrong),
    client.replaceDatabase({ source: wrong }).finally(() => client.close()),
  ];
}

for (const [what, given, code, text] of refused) {
  test(`${what} is refused by every function, and no file is made`, async (t) => {
    const directory = await temporaryDirectory(t);
    const expected = { instanceOf: SwapError, code, message: text };
    for (const call of calls(given, join(directory, "a.db"))) {
      const error = await t.throwsAsync<SwapError>(call, expected);
      t.is(error?.step, "resolve");
    }
    t.deepEqual(await readdir(directory), ["a.db"]);
  });
}

test("secrets of a URL are in no error", async (t) => {
  const secret = "https://me:hunter2@host/a?authToken=hunter2#hunter2";
  const error = await t.throwsAsync<SwapError>(recover(secret));
  t.is(error?.path, "https://host/a");
  t.notRegex(JSON.stringify({ ...error, message: error?.message }), /hunter2/);
});

for (const [what, given] of [
  ["nothing", ""],
  ["an empty URL", "file:"],
  ["NUL", "a\0b"],
  ["NUL in a URL", "file:a%00b"],
  ["no bytes", Buffer.alloc(0)],
  ["a number", 5],
  ["null", null],
  ["an object", { href: 5 }],
] as const) {
  test(`${what} is no path: a TypeError of every function`, async (t) => {
    const directory = await temporaryDirectory(t);
    for (const call of calls(given as PathInput, join(directory, "a.db")))
      await isTypeError(t, call);
  });
}

async function isTypeError(t: ExecutionContext, call: Promise<unknown>): Promise<void> {
  await t.throwsAsync(call, { instanceOf: TypeError });
}

test("the arguments of commands are paths or file: URLs, too", async (t) => {
  const directory = await temporaryDirectory(t);
  const url = (file: string): string => pathToFileURL(join(directory, file)).href;
  await writeFile(join(directory, "source"), "new");
  t.is((await runCommand("swap", url("source"), url("target"))).code, 0);
  t.deepEqual((await readdir(directory)).sort(), ["source", "target"]);
  const { stderr } = await runCommand("doctor", "https://x/a");
  t.regex(stderr, /^latchdb doctor: URL_SCHEME_NOT_SUPPORTED: .*"https:"/);
});
