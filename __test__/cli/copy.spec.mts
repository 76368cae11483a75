// `npx latchdb copy`, and the copying below it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { link, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { LibsqlError, type LatchTransaction, type LocalClient } from "latchdb";
import { openUrl, selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { program } from "../support/command.mjs";
import { contentOf, EVERY_KIND, LOCAL_ONLY } from "./every-kind.mjs";
import { transfer } from "./modules.mjs";
import { run } from "./run.mjs";

interface Pair {
  source: LocalClient;
  target: LocalClient;
  sourceFile: string;
  targetFile: string;
}

async function openPair(t: ExecutionContext, sql: string): Promise<Pair> {
  const { directory, file, open } = await temporaryDatabase(t);
  const source = open({ intMode: "bigint" });
  await source.executeMultiple(sql);
  const targetFile = join(directory, "target.db");
  const target = openUrl(t, `file:${targetFile}`, { intMode: "bigint" });
  return { source, target, sourceFile: file, targetFile };
}

const options = {
  replace: false,
  signal: new AbortController().signal,
  onProgress: () => undefined,
};

/** An object of which some properties are others. */
function altered<T extends object>(original: T, changes: Partial<T>): T {
  return new Proxy(original, {
    get(object, name) {
      const value: unknown = Reflect.get(name in changes ? changes : object, name);
      return typeof value === "function" ? value.bind(object) : value;
    },
  });
}

/** A client whose transactions are changed. */
function withTransactions(
  client: LocalClient,
  change: (transaction: LatchTransaction) => void,
): LocalClient {
  return altered(client, {
    async transaction() {
      const transaction = await client.transaction("write");
      change(transaction);
      return transaction;
    },
  });
}

/** A client that is taken for one of a server: foreign keys cannot be switched off. */
function asServer(client: LocalClient): LocalClient {
  return altered(client, { protocol: "http" });
}

test("every kind of table, value and object is copied, by the command", async (t) => {
  const { source, target, sourceFile, targetFile } = await openPair(t, EVERY_KIND + LOCAL_ONLY);
  const { code, stdout, stderr } = await run(["copy", sourceFile, targetFile, "--json"]);
  t.is(code, 0, stderr + stdout);
  t.like(JSON.parse(stdout), { tables: 19, refused: [] });
  const content = await contentOf(target);
  t.deepEqual(content, await contentOf(source));
  t.deepEqual(content["integrity"], [["ok"]]);
  t.is(await selectValue(target, "SELECT title FROM ft WHERE ft MATCH 'run'"), "hello");
  t.is(
    await selectValue(target, "SELECT txt FROM external WHERE external MATCH 'content'"),
    "external content",
  );
  t.is(
    await selectValue(target, "SELECT rowid FROM contentless WHERE contentless MATCH 'words'"),
    1n,
  );
  t.is(await selectValue(target, "SELECT body FROM f4 WHERE f4 MATCH 'full'"), "old full text");
  t.deepEqual(await selectColumn(target, "SELECT name FROM rt WHERE x0 < 2"), ["n"]);
  await target.execute("INSERT INTO ft (ft) VALUES ('integrity-check')");
  t.is(await selectValue(target, "SELECT rtreecheck('rt')"), "ok");
});

test("a target that checks foreign keys gets them in any order, again with --replace", async (t) => {
  const { source, target } = await openPair(t, EVERY_KIND);
  const server = asServer(target);
  await transfer(source, server, options);
  const content = await contentOf(source);
  t.deepEqual(await contentOf(target), content);
  await target.executeMultiple(
    "CREATE TABLE more (a); CREATE VIEW w AS SELECT 1; DELETE FROM half",
  );
  await transfer(source, server, { ...options, replace: true });
  t.deepEqual(await contentOf(target), content);
});

test("a row that refers to none is copied to a file, and refused by a target that checks", async (t) => {
  const { source, target } = await openPair(t, "PRAGMA foreign_keys = OFF");
  await source.executeMultiple(
    "CREATE TABLE p (a PRIMARY KEY); CREATE TABLE c (a REFERENCES p); INSERT INTO c VALUES (1)",
  );
  await t.throwsAsync(transfer(source, asServer(target), options), {
    message: /^cannot commit .*FOREIGN KEY constraint failed/,
  });
  t.is(await selectValue(target, "SELECT count(*) FROM sqlite_schema"), 0n);
  await transfer(source, target, options);
  t.is(await selectValue(target, "SELECT count(*) FROM c"), 1n);
});

test("a target that is not empty is refused, and left as it is", async (t) => {
  // An empty sqlite_sequence is left, for which the target has no table.
  const { source, target, sourceFile, targetFile } = await openPair(
    t,
    "CREATE TABLE gone (id INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE gone; CREATE TABLE t (a)",
  );
  await target.executeMultiple("CREATE TABLE kept (a); INSERT INTO kept VALUES (1)");
  const { code, stdout, stderr } = await run(["copy", sourceFile, targetFile]);
  t.deepEqual([code, stdout], [1, ""]);
  t.regex(stderr, /^latchdb copy: the target is not empty: it has kept\. .*--replace\n$/);
  t.is(await selectValue(target, "SELECT a FROM kept"), 1n);
  await source.execute("INSERT INTO t VALUES (2)");
  const replaced = await run(["copy", sourceFile, targetFile, "--replace"]);
  t.regex(replaced.stdout, /target\.db has 1 table and 1 row, in [\d.]+ m?s\n$/);
  t.deepEqual(await selectColumn(target, "SELECT name FROM sqlite_schema"), ["t"]);
});

test("a copy that fails leaves the target as it was, whatever it had dropped", async (t) => {
  const rows = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 5000)";
  const { source, target } = await openPair(
    t,
    `CREATE TABLE a (x); CREATE TABLE b (x); INSERT INTO a ${rows} SELECT x FROM c; INSERT INTO b SELECT x FROM a;
     CREATE INDEX of_a ON a (x)`,
  );
  await target.executeMultiple("CREATE TABLE kept (a); INSERT INTO kept VALUES (1)");
  const controller = new AbortController();
  const reason = new Error("stop");
  const aborted = transfer(source, target, {
    replace: true,
    signal: controller.signal,
    onProgress: (_done, _total, table) => table === "b" && controller.abort(reason),
  });
  t.is(await t.throwsAsync(aborted), reason);
  t.deepEqual(await selectColumn(target, "SELECT a FROM kept"), [1n]);
  // A row that the target lost.
  const losing = withTransactions(target, (transaction) => {
    const batch = transaction.batch.bind(transaction);
    transaction.batch = (statements, ...rest) => batch(statements.slice(1), ...rest);
  });
  await t.throwsAsync(transfer(source, losing, { ...options, replace: true }), {
    message: /^the source has 5000 rows in a, and the target has got \d+: the copy is rolled back$/,
  });
  t.deepEqual(await selectColumn(target, "SELECT a FROM kept"), [1n]);
});

test("what the target cannot make is named", async (t) => {
  const { source, target } = await openPair(t, "CREATE TABLE t (a); CREATE INDEX i ON t (a)");
  await source.executeMultiple(
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (missing(a))' WHERE name = 'i'",
  );
  await t.throwsAsync(transfer(source, target, options), {
    message: /^cannot create the index i in the target: SQLITE_ERROR: .*missing/,
  });
  t.is(await selectValue(target, "SELECT count(*) FROM sqlite_schema"), 0n);
});

test("the source is copied as it was at one moment", async (t) => {
  const { source, target, sourceFile } = await openPair(
    t,
    "PRAGMA journal_mode = WAL; CREATE TABLE a (x); CREATE TABLE b (x); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)",
  );
  const writer = openUrl(t, `file:${sourceFile}`);
  let written: Promise<unknown> | undefined;
  /** Writes before the rows of b are read. */
  const execute =
    (reader: Pick<LocalClient, "execute">) =>
    async (statement: unknown): Promise<never> => {
      if (/ FROM "b" .*LIMIT/s.test(String((statement as { sql?: string }).sql))) {
        await (written ??= writer.batch(["INSERT INTO a VALUES (2)", "DELETE FROM b"]));
      }
      return (await reader.execute(statement as string)) as never;
    };
  const watched = altered(source, {
    execute: execute(source),
    async transaction() {
      const transaction = await source.transaction("read");
      return altered(transaction, { execute: execute(transaction) });
    },
  });
  await transfer(watched, target, options);
  t.truthy(written);
  t.is(
    await selectValue(target, "SELECT (SELECT count(*) FROM a) || (SELECT count(*) FROM b)"),
    "11",
  );
});

test("rows come in batches that are bounded by bytes; all of them come", async (t) => {
  const { source, target } = await openPair(
    t,
    `CREATE TABLE t (a INTEGER PRIMARY KEY, b);
     CREATE TABLE w (a TEXT COLLATE NOCASE, b INT, c, PRIMARY KEY (a COLLATE BINARY, b DESC)) WITHOUT ROWID;
     WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 30)
       INSERT INTO t SELECT x * 3, zeroblob(CASE WHEN x = 15 THEN 3000000 WHEN x > 20 THEN 400000 ELSE 10 END) FROM c;
     WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 6001)
       INSERT INTO w SELECT substr('aaaAAa', 1 + x % 3 * 2, 2), x / 3, 'v' || x FROM c`,
  );
  const batches: Record<string, number[]> = {};
  let before = 0;
  await transfer(source, target, {
    ...options,
    onProgress: (done, _total, table) => {
      (batches[table] ??= []).push(done - before);
      before = done;
    },
  });
  // 14 small rows and the one of 3 MB, that begins below the limit; then 3 of 400 kB in each batch.
  t.deepEqual(batches, { t: [15, 8, 3, 3, 1], w: [2000, 2000, 2000, 1] });
  t.deepEqual(await sumsOf(target), await sumsOf(source));
});

/** The sums over all rows. */
async function sumsOf(client: LocalClient): Promise<unknown> {
  return selectValue(
    client,
    "SELECT (SELECT total(a) || total(length(b)) FROM t) || (SELECT total(b * length(c)) || count(*) FROM w)",
  );
}

test("what a server refuses is named, and does not end the copy", async (t) => {
  const { source, target } = await openPair(
    t,
    "CREATE TABLE t (a); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1); ANALYZE; PRAGMA application_id = 5",
  );
  const refusing = withTransactions(target, (transaction) => {
    const execute = transaction.execute.bind(transaction) as (statement: unknown) => never;
    transaction.execute = (statement: unknown): never => {
      if (!/^(ANALYZE|PRAGMA application_id =)/.test(String(statement))) return execute(statement);
      throw new LibsqlError("unsupported statement", "SQL_PARSE_ERROR");
    };
  });
  const { refused } = await transfer(source, refusing, options);
  t.deepEqual(refused, ["the statistics of ANALYZE", "the application_id"]);
  t.is(await selectValue(target, "SELECT a FROM t"), 1n);
});

test("a database in UTF-16 stays one, and its texts are the same", async (t) => {
  const { source, target } = await openPair(t, "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a)");
  await source.execute({ sql: "INSERT INTO t VALUES (?), (?)", args: ["é😀", "\ufffd"] });
  await transfer(source, target, options);
  t.is(await selectValue(target, "PRAGMA encoding"), "UTF-16le");
  t.deepEqual(await selectColumn(target, "SELECT a FROM t"), ["é😀", "\ufffd"]);
  // A server has UTF-8 alone.
  const server = (await temporaryDatabase(t)).open();
  await transfer(source, asServer(server), options);
  t.is(await selectValue(server, "PRAGMA encoding"), "UTF-8");
  t.deepEqual(await selectColumn(server, "SELECT a FROM t"), ["é😀", "\ufffd"]);
});

test("an error as JSON has the code of the database", async (t) => {
  const { directory, file } = await temporaryDatabase(t);
  await writeFile(file, "no database ".repeat(100));
  const { code, stdout } = await run(["copy", file, join(directory, "target.db"), "--json"]);
  t.is(code, 1);
  const { error } = JSON.parse(stdout) as { error: object };
  t.like(error, { code: "SQLITE_NOTADB" });
  t.false(existsSync(join(directory, "target.db")));
});

test("calls that are wrong: nothing is made, or touched", async (t) => {
  const { directory, file } = await temporaryDatabase(t);
  const missing = join(directory, "missing.db");
  const absent = await run(["copy", missing, file]);
  t.is(absent.stderr, `latchdb copy: the source ${missing} does not exist\n`);
  t.false(existsSync(missing) || existsSync(file));
  await run(["query", file, "CREATE TABLE t (a)"]);
  const same = join(directory, "same.db");
  await link(file, same);
  for (const [from, to] of [
    [file, file],
    [`file:${file}`, same],
  ] as const) {
    const { code, stderr } = await run(["copy", from, to, "--replace"]);
    t.is(code, 1);
    t.regex(stderr, /^error: the source and the target are one database/);
  }
  const tokens = await run(["copy", "http://a.example", "http://b.example"], {
    env: { LATCHDB_AUTH_TOKEN: "a-token-of-one" },
  });
  t.regex(tokens.stderr, /^error: there is one token for two servers/);
  t.notRegex(tokens.stderr, /a-token-of-one/);
});

test("SIGINT ends a copy in order: no file is left, exit code 130", async (t) => {
  const { directory, file, open } = await temporaryDatabase(t);
  const client = open();
  await client.executeMultiple(
    `CREATE TABLE t (a);
     WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 400000) INSERT INTO t SELECT x FROM c`,
  );
  const target = join(directory, "target.db");
  const child = spawn(process.execPath, [program, "copy", file, target]);
  t.teardown(() => child.kill("SIGKILL"));
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  while (!existsSync(`${target}-journal`)) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGINT");
  const [code] = (await once(child, "close")) as [number];
  t.is(errors, "latchdb copy: ended by SIGINT; the target is as it was\n");
  t.is(code, 130);
  t.false(existsSync(target));
  t.false(existsSync(`${target}-journal`));
});
