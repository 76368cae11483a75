/** `latchdb copy FROM TO`: a database from a file to a server, back, or from file to file. */
import { defineCommand, printError, UsageError } from "../command";
import { endBySignal } from "../ended-by-signal";
import { ProgressBar } from "../progress-bar";
import { connect, errorText, isLocal, TOKEN_USAGE, TOKEN_VARIABLE } from "../sql/connect";
import { placesOf, removerOf } from "./places";
import { transfer, type TransferResult } from "./transfer";

const USAGE = `Usage: latchdb copy [options] <from> <to>

Copies a database: its tables, rows, indexes, views and triggers. The source is
read as it is at one moment. The target gets all of it or, after any error,
nothing: everything is written in one transaction, and counted before its end.

Arguments, each a URL (file:, libsql:, http:, ws:), or the path of a file:
  from                          the database to read
  to                            the database to write, which must be empty

Options:
  --replace                     drop all that is in the target, in the same
                                transaction
  --auth-token-env <name>       the environment variable with the server's token
  --from-auth-token-env <name>  the same for the source, where both are servers
  --to-auth-token-env <name>    the same for the target
  --json                        print the result, or the error, as JSON
  -h, --help                    print this

${TOKEN_USAGE}`;

export const copy = defineCommand(
  USAGE,
  ["from", "to"],
  {
    replace: { type: "boolean" },
    "auth-token-env": { type: "string" },
    "from-auth-token-env": { type: "string" },
    "to-auth-token-env": { type: "string" },
    json: { type: "boolean" },
  },
  async ([from = "", to = ""], { replace = false, json = false, ...variables }) => {
    const ended = endBySignal("the target is as it was");
    const bar = new ProgressBar(!json && process.stderr.isTTY, { unit: "rows", least: 10_000 });
    try {
      const { source, target } = placesOf(from, to);
      const tokens = tokenVariables(source, target, variables);
      const start = performance.now();
      const result = await copyBetween(source, target, tokens, {
        replace,
        signal: ended.signal,
        onProgress: (done, total, step) => bar.show({ step, done, total }),
      });
      bar.stop();
      const ms = performance.now() - start;
      console.log(json ? JSON.stringify({ ...result, ms }) : describe(to, result, ms));
    } catch (error) {
      bar.stop();
      if (error instanceof UsageError) throw error;
      process.exitCode = ended.exitCode() ?? 1;
      const { code } = error as { code?: unknown };
      printError("copy", Object.assign(new Error(errorText(error)), { code }), json);
    }
  },
);

async function copyBetween(
  from: string,
  to: string,
  tokens: { source: string | undefined; target: string | undefined },
  options: Parameters<typeof transfer>[2],
): Promise<TransferResult> {
  const source = connect(from, tokens.source);
  try {
    const removeUnused = removerOf(to);
    try {
      const target = connect(to, tokens.target);
      try {
        return await transfer(source, target, options);
      } finally {
        target.close();
      }
    } finally {
      removeUnused();
    }
  } finally {
    source.close();
  }
}

/** The variables with the tokens. A token is not sent to a server that it may not be meant for. */
function tokenVariables(
  source: string,
  target: string,
  given: Partial<Record<"auth-token-env" | "from-auth-token-env" | "to-auth-token-env", string>>,
): { source: string | undefined; target: string | undefined } {
  const { "auth-token-env": both, "from-auth-token-env": from, "to-auth-token-env": to } = given;
  const hasTwo = !isLocal(source) && !isLocal(target);
  const isShared = both !== undefined || Boolean(process.env[TOKEN_VARIABLE]);
  if (hasTwo && isShared && (from === undefined || to === undefined)) {
    throw new UsageError(
      "there is one token for two servers: name the variable of each with --from-auth-token-env and --to-auth-token-env",
    );
  }
  return { source: from ?? both, target: to ?? both };
}

function describe(target: string, { tables, rows, refused }: TransferResult, ms: number): string {
  const time = ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
  const counted = `${count(tables, "table")} and ${count(rows, "row")}`;
  const lines = [`${target} has ${counted}, in ${time}`];
  for (const what of refused) lines.push(`not copied, because the target refuses it: ${what}`);
  return lines.join("\n");
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
