/** `latchdb shell URL`: SQL in, tables out. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { version } from "../../../package.json";
import { defineCommand, UsageError } from "../command";
import { endBySignal } from "../ended-by-signal";
import { MODES, Printer, type Mode } from "../output/printer";
import { endWithReader } from "../output/stdout";
import { connect, databaseUrl, errorText, TOKEN_USAGE } from "../sql/connect";
import { atLine, runScripted, type Shown } from "../sql/run";
import { Session } from "../sql/session";
import { StatementSplitter } from "../sql/splitter";
import { HELP, runDotCommand } from "./dot-commands";
import { History, historyFile, HISTORY_VARIABLE } from "./history";
import { runRepl } from "./repl";

const USAGE = `Usage: latchdb shell [options] <url>

Runs the SQL that is typed, and shows the rows. Where stdin is not a terminal, it
is a script: the shell ends at the first error, with exit code 1.

Arguments:
  url                      a URL (file:, libsql:, http:, ws:), or the path of a file

Options:
  --mode <mode>            how rows are shown: ${MODES.join(", ")} (default: table)
  --no-history             keep no history of what is typed
  --auth-token-env <name>  the environment variable with the server's token
  -h, --help               print this

Commands of the shell:
${HELP.trimEnd().replace(/^(?=.)/gm, "  ")}

${TOKEN_USAGE}
The history is in ~/.local/state/latchdb (XDG_STATE_HOME, LOCALAPPDATA on
Windows), or where the environment variable ${HISTORY_VARIABLE} says; if that is empty,
none is kept. Lines that begin with a blank are not kept.
`;

export const shell = defineCommand(
  USAGE,
  ["url"],
  {
    mode: { type: "string", default: "table" },
    "no-history": { type: "boolean" },
    "auth-token-env": { type: "string" },
  },
  async ([location = ""], { mode, "no-history": noHistory = false, ...values }) => {
    const url = databaseUrl(location);
    const state = { mode: parseMode(mode), noHistory };
    endWithReader();
    try {
      const client = connect(url, values["auth-token-env"]);
      try {
        const session = new Session(client);
        await (process.stdin.isTTY && process.stdout.isTTY
          ? talk(url, session, state)
          : runScript(session, state.mode));
      } finally {
        client.close();
      }
    } catch (error) {
      if (error instanceof UsageError) throw error;
      process.exitCode ||= 1;
      console.error(`latchdb shell: ${errorText(error)}`);
    }
  },
);

async function talk(
  url: string,
  session: Session,
  { mode, noHistory }: { mode: Mode; noHistory: boolean },
): Promise<void> {
  const shown = makeShown(session, mode, true);
  const history = new History(noHistory ? undefined : historyFile());
  // What the server is answers whether it is there.
  const { rows } = await session.run("SELECT sqlite_version()");
  shown.write(`latchdb ${version}, SQLite ${String(rows[0]?.[0])}, ${url}\n`);
  shown.write("A statement ends with a semicolon. Commands: .help\n");
  await runRepl({ input: process.stdin, output: process.stdout, history }, shown);
  if (await session.end()) shown.write("The open transaction is rolled back.\n");
}

/** @throws ScriptError at the first error */
async function runScript(session: Session, mode: Mode): Promise<void> {
  const ended = endBySignal("what was committed stays");
  const shown = makeShown(session, mode, false);
  try {
    await runLines(process.stdin, shown, ended.signal);
  } catch (error) {
    process.exitCode = ended.exitCode() ?? 1;
    throw error;
  }
  if (await session.end()) throw new Error("the transaction was left open, and is rolled back");
}

async function runLines(input: Readable, shown: Shown, signal: AbortSignal): Promise<void> {
  const splitter = new StatementSplitter();
  let number = 0;
  for await (const line of createInterface({ input, crlfDelay: Infinity, signal })) {
    signal.throwIfAborted();
    number += 1;
    if (!splitter.isPending && /^\s*\./.test(line)) {
      splitter.read("\n");
      if (!(await atLine(number, () => runDotCommand(line, shown, signal)))) return;
      continue;
    }
    for (const statement of splitter.read(`${line}\n`)) {
      await runScripted(shown, statement, { signal });
    }
  }
  signal.throwIfAborted();
  for (const statement of splitter.end()) {
    await runScripted(shown, statement, { signal });
  }
}

function makeShown(session: Session, mode: Mode, timer: boolean): Shown {
  const printer = new Printer(process.stdout, mode);
  return { session, printer, timer, write: (text) => void process.stdout.write(text) };
}

function parseMode(text: string): Mode {
  const mode = MODES.find((candidate) => candidate === text);
  if (mode !== undefined) return mode;
  throw new UsageError(
    `option '--mode <mode>' argument '${text}' is invalid. Allowed choices are ${MODES.join(", ")}.`,
  );
}
