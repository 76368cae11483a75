/** `latchdb query URL SQL`: the rows of a query, for scripts. */
import { text } from "node:stream/consumers";
import { defineCommand, UsageError } from "./command";
import { endBySignal } from "./ended-by-signal";
import { Printer, type Mode } from "./output/printer";
import { endWithReader } from "./output/stdout";
import { parseArguments } from "./sql/arguments";
import { connect, databaseUrl, errorText, TOKEN_USAGE } from "./sql/connect";
import { runScripted } from "./sql/run";
import { Session } from "./sql/session";
import { splitStatements } from "./sql/splitter";

const USAGE = `Usage: latchdb query [options] <url> <sql>

Runs SQL and prints the rows on stdout. An error goes to stderr, with exit code
1. Several statements run in their order, up to the first error; each prints its
rows. A transaction that is left open is rolled back, with exit code 1.

Arguments:
  url                      a URL (file:, libsql:, http:, ws:), or the path of a file
  sql                      the statements; - reads them from stdin

Options:
  --json                   print an array of objects for each statement with rows
  --csv                    print CSV with a header
  --table                  print aligned columns (the default)
  --arg <value>            the next argument of the statement: a number, NULL,
                           x'00ff' or 'text' as in SQL; other text as it is. With
                           a name, :name=value. Repeat it for further arguments
  --auth-token-env <name>  the environment variable with the server's token
  -h, --help               print this

${TOKEN_USAGE}`;

export const query = defineCommand(
  USAGE,
  ["url", "sql"],
  {
    json: { type: "boolean" },
    csv: { type: "boolean" },
    table: { type: "boolean" },
    arg: { type: "string", multiple: true, default: [] as string[] },
    "auth-token-env": { type: "string" },
  },
  async ([location = "", sql = ""], { arg, "auth-token-env": variable, ...modes }) => {
    const mode = parseMode(modes);
    const url = databaseUrl(location);
    const args = parseArguments(arg);
    const statements = splitStatements(sql === "-" ? await text(process.stdin) : sql);
    if (statements.length === 0) throw new UsageError("there is no statement in the SQL");
    if (arg.length > 0 && statements.length > 1) {
      throw new UsageError("--arg is for one statement, and there are several");
    }
    const ended = endBySignal("what was committed stays");
    endWithReader();
    try {
      const client = connect(url, variable);
      try {
        const session = new Session(client);
        const printer = new Printer(process.stdout, mode);
        const shown = { session, printer, timer: false, write: () => undefined };
        for (const statement of statements) {
          await runScripted(shown, statement, { args, signal: ended.signal });
        }
        if (await session.end())
          throw new Error("the transaction was left open, and is rolled back");
      } finally {
        client.close();
      }
    } catch (error) {
      if (error instanceof UsageError) throw error;
      process.exitCode = ended.exitCode() ?? 1;
      console.error(`latchdb query: ${errorText(error)}`);
    }
  },
);

/** @throws UsageError where several are given */
function parseMode(given: Partial<Record<"json" | "csv" | "table", boolean>>): Mode {
  const modes = (["json", "csv", "table"] as const).filter((name) => given[name] === true);
  if (modes.length <= 1) return modes[0] ?? "table";
  throw new UsageError(`choose one of ${modes.map((name) => `--${name}`).join(", ")}`);
}
