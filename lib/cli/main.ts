#!/usr/bin/env node
/** `npx latchdb …`: one file per command. */
import { version } from "../../package.json";
import { didYouMean, UsageError, type Command } from "./command";

/** Loaded one at a time: a command for servers runs where there is no binary for files. */
const COMMANDS = new Map<string, () => Promise<Command>>([
  ["shell", async () => (await import("./shell/shell.js")).shell],
  ["query", async () => (await import("./query.js")).query],
  ["copy", async () => (await import("./copy/copy.js")).copy],
  ["swap", async () => (await import("./swap.js")).swap],
  ["recover", async () => (await import("./recover.js")).recover],
  ["adopt", async () => (await import("./adopt.js")).adopt],
  ["doctor", async () => (await import("./doctor.js")).doctor],
]);

const USAGE = `Usage: latchdb <command> [options]

Works on files and databases from a shell.

Commands:
  shell <url>             type SQL and see the rows
  query <url> <sql>       print the rows of a query, for scripts
  copy <from> <to>        copy a database, from file to server, back, or file to file
  swap <source> <target>  replace a file by a copy of another, atomically
  recover <file>          clear what a killed swap left beside a database
  adopt <file>            take over the vector indexes that libSQL has made
  doctor <file>           examine a database and change nothing
  help [command]          print this, or the help of a command

Options:
  -V, --version  print the version
  -h, --help     print this, or after a command its help
`;

async function main([name = "", ...args]: string[]): Promise<void> {
  const isHelp = ["help", "--help", "-h"].includes(name);
  const command = await COMMANDS.get(isHelp ? (args[0] ?? "") : name)?.();
  const usage = command?.usage ?? USAGE;
  try {
    if (name === "") fail(USAGE);
    else if (name === "--version" || name === "-V") console.log(version);
    else if (isHelp || (command && asksForHelp(args))) process.stdout.write(usage);
    else if (command) await command.run(args);
    else throw unknown(name);
  } catch (error) {
    // Any other error is a defect: a command reports what can go wrong itself.
    if (!(error instanceof UsageError)) throw error;
    fail(`error: ${error.message}\n\n${usage}`);
  }
}

/** Whether `--help` or `-h` is among the options: what follows `--` is not. */
function asksForHelp(args: string[]): boolean {
  const end = args.indexOf("--");
  const options = end < 0 ? args : args.slice(0, end);
  return options.includes("--help") || options.includes("-h");
}

function unknown(name: string): UsageError {
  const what = name.startsWith("-") ? "option" : "command";
  const known = what === "option" ? ["--version", "--help"] : [...COMMANDS.keys(), "help"];
  return new UsageError(`unknown ${what} '${name}'${didYouMean(name, known)}`);
}

function fail(text: string): void {
  process.stderr.write(text);
  process.exitCode = 1;
}

void main(process.argv.slice(2));
