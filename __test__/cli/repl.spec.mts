// The shell on a terminal: what is typed, and what is seen.
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import test, { type ExecutionContext } from "ava";
import type { LatchClient } from "latchdb";
import { openClient, openUrl, temporaryDirectory } from "../support/database.mjs";
import { hasServer, protocols, TestServer } from "../support/sqld.mjs";
import { History, Printer, runRepl, Session } from "./modules.mjs";

const ENDLESS =
  "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c;";
const CTRL_C = "\x03";
const CTRL_D = "\x04";

interface Shell {
  type(text: string): void;
  /** Resolves when a text is on the terminal that was not looked for before. */
  see(pattern: RegExp): Promise<string>;
  ended: Promise<void>;
}

async function openShell(t: ExecutionContext, file?: string, timer = false): Promise<Shell> {
  return shellOn(t, await openClient(t, { intMode: "bigint" }), file, timer);
}

function shellOn(t: ExecutionContext, client: LatchClient, file?: string, timer = false): Shell {
  const session = new Session(client);
  const [input, output] = [new PassThrough(), new PassThrough()];
  let text = "";
  output.on("data", (chunk: Buffer) => (text += stripVTControlCharacters(chunk.toString())));
  const see = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const match = pattern.exec(text);
      if (match) {
        text = text.slice(match.index + match[0].length);
        return match[0];
      }
      await new Promise((resolve) => output.once("data", resolve));
    }
  };
  const printer = new Printer(output, "table");
  const shown = { session, printer, timer, write: (part: string) => void output.write(part) };
  const ended = runRepl({ input, output, history: new History(file) }, shown);
  t.teardown(() => input.end());
  return { type: (part) => void input.write(part), see, ended };
}

test("a query over several lines, an error, and the shell goes on until Ctrl-D", async (t) => {
  const { type, see, ended } = await openShell(t);
  await see(/^latchdb> /);
  type("SELECT 1\r");
  await see(/ {4}\.\.\.> /);
  type("AS a;\r");
  await see(/a\n─\n1\n.*latchdb> /s);
  type("SELEC 1; SELECT 2 AS after_error;\r");
  t.notRegex(await see(/error: SQLITE_ERROR: near "SELEC": syntax error\n.*latchdb> $/s), /─/);
  type("SELECT 3 AS b;\r");
  await see(/b\n─\n3\n/);
  type(CTRL_D);
  await ended;
  t.pass();
});

test("Ctrl-C cancels the query that runs, and what is typed, and not the shell", async (t) => {
  const { type, see, ended } = await openShell(t);
  await see(/latchdb> /);
  type(`${ENDLESS}\r`);
  await see(/FROM c;\r?\n/);
  type("SELECT 'typed ahead';\r");
  type(CTRL_C);
  t.notRegex(await see(/error: cancelled\n.*latchdb> /s), /─/);
  type("SELECT 'half\r");
  await see(/\.\.\.> /);
  type(`more${CTRL_C}`);
  await see(/\^C\n.*latchdb> /s);
  type("SELECT 4 AS c;\r");
  await see(/c\n─\n4\n/);
  type(".quit\r");
  await ended;
  t.pass();
});

for (const protocol of protocols) {
  test(`Ctrl-C cancels a query on a server (${protocol})`, async (t) => {
    if (!hasServer(t)) return;
    const server = await TestServer.start();
    t.teardown(() => server.remove());
    const { type, see } = shellOn(t, openUrl(t, server.url(protocol)));
    await see(/latchdb> /);
    type(`${ENDLESS}\r`);
    await see(/FROM c;\r?\n/);
    type(CTRL_C);
    await see(/error: cancelled\n.*latchdb> /s);
    type("SELECT 7 AS g;\r");
    await see(/g\n─+\n7/);
    t.pass();
  });
}

test("Ctrl-D ends a query that runs", async (t) => {
  const { type, see, ended } = await openShell(t);
  await see(/latchdb> /);
  type(`${ENDLESS}\r`);
  await see(/FROM c;\r?\n/);
  type(CTRL_D);
  await ended;
  t.pass();
});

test("the prompt shows an open transaction, and its end by an error is said", async (t) => {
  const { type, see } = await openShell(t);
  await see(/latchdb> /);
  type("CREATE TABLE t (a UNIQUE); BEGIN;\r");
  await see(/latchdb\*> /);
  type("INSERT INTO t\r");
  await see(/\*\.\.\.> /);
  type("VALUES (1);\r");
  await see(/latchdb\*> /);
  type("INSERT OR ROLLBACK INTO t VALUES (1);\r");
  await see(
    /error: .*UNIQUE.*\nThe transaction has ended: its changes are rolled back\.\n.*latchdb> /s,
  );
  type("SELECT count(*) AS n FROM t;\r");
  await see(/n\n─\n0\n/);
  t.pass();
});

test("the time is shown, with the count of rows", async (t) => {
  const { type, see } = await openShell(t, undefined, true);
  await see(/latchdb> /);
  type("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);\r");
  await see(/\([\d.]+ m?s\)\n\(2 changed rows, [\d.]+ m?s\)\n/);
  type("SELECT a FROM t LIMIT 1;\r.timer off\rSELECT 5 AS e;\r");
  await see(/\(1 row, [\d.]+ m?s\)\n/);
  t.notRegex(await see(/e\n─\n5\n.*latchdb> /s), /\d m?s\)/);
});

test("the history is kept across runs, for its owner only, and without tokens", async (t) => {
  const file = join(await temporaryDirectory(t), "state", "history");
  const first = await openShell(t, file);
  await first.see(/latchdb> /);
  first.type("SELECT 'remembered';\r SELECT 'a blank before';\r-- authToken=abc\r.quit\r");
  await first.ended;
  t.is(await readFile(file, "utf8"), "SELECT 'remembered';\n.quit\n");
  if (process.platform !== "win32") t.is((await stat(file)).mode & 0o777, 0o600);
  const second = await openShell(t, file);
  await second.see(/latchdb> /);
  // Up, twice.
  second.type("\x1b[A\x1b[A\r");
  await second.see(/'remembered'\n─+\nremembered\n/);
});

test("a history that is too long is shortened; one that cannot be written is done without", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "history");
  const lines = Array.from({ length: 2001 }, (_, index) => `SELECT ${index};`);
  await writeFile(file, `${lines.join("\n")}\n`);
  await openShell(t, file);
  t.deepEqual((await readFile(file, "utf8")).split("\n").slice(0, 2), [
    "SELECT 1001;",
    "SELECT 1002;",
  ]);
  const { type, see } = await openShell(t, directory);
  type("SELECT 6 AS f;\r");
  await see(/f\n─\n6\n/);
});
