/** What the commands share: reading arguments, refusing wrong calls, printing errors. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { SwapError } from "../local/swap/errors";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T }>>["values"];

/** The command was called in a way that it does not have. */
export class UsageError extends Error {}

/** One of `npx latchdb`'s commands. */
export interface Command {
  usage: string;
  /** @throws UsageError */
  run(args: string[]): Promise<void>;
}

/**
 * Defines a command.
 *
 * @param operands the names of its arguments, each of which must be given
 * @param options as `parseArgs` takes them
 * @param action is given the arguments and the values of the options
 */
export function defineCommand<const T extends Options>(
  usage: string,
  operands: string[],
  options: T,
  action: (operands: string[], values: Values<T>) => Promise<void>,
): Command {
  return {
    usage,
    async run(args) {
      const { values, positionals } = readArguments(args, options);
      const missing = operands[positionals.length];
      if (missing !== undefined) throw new UsageError(`missing required argument '${missing}'`);
      if (positionals.length > operands.length) {
        throw new UsageError(`unexpected argument '${positionals[operands.length]}'`);
      }
      await action(positionals, values);
    },
  };
}

/** Defines a command that prints a report about one file: exit code 1 where it `isBad`. */
export function defineReport<R>(
  name: string,
  usage: string,
  examine: (file: string) => Promise<R>,
  describe: (report: R) => string,
  isBad: (report: R) => boolean,
): Command {
  const options = { json: { type: "boolean" } } as const;
  return defineCommand(usage, ["file"], options, async ([file = ""], { json = false }) => {
    try {
      const report = await examine(file);
      console.log(json ? JSON.stringify(report) : describe(report));
      if (isBad(report)) process.exitCode = 1;
    } catch (error) {
      process.exitCode = 1;
      printError(name, error, json);
    }
  });
}

function readArguments<T extends Options>(args: string[], options: T) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    const { message } = error as Error;
    const [, given] = /^Unknown option '(-[^']*)'/.exec(message) ?? [];
    if (given === undefined) throw new UsageError(message);
    const known = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(`unknown option '${given}'${didYouMean(given, known)}`);
  }
}

/** Prints what went wrong: for a person on stderr; for a program, as JSON on stdout. */
export function printError(command: string, error: unknown, json: boolean): void {
  const { code, message } = error as Error & { code?: unknown };
  if (!json) return console.error(`latchdb ${command}: ${message}`);
  const details = error instanceof SwapError ? { ...error } : { code };
  console.log(JSON.stringify({ error: { ...details, message } }));
}

/** A line that names the most similar of the known words, or nothing where none is similar. */
export function didYouMean(word: string, known: string[]): string {
  const near = known
    .map((name) => ({ name, distance: editDistance(word, name) }))
    .filter(({ name, distance }) => distance <= 3 && distance < name.length / 2)
    .sort((a, b) => a.distance - b.distance)[0];
  return near === undefined ? "" : `\n(Did you mean ${near.name}?)`;
}

/** How many characters have to be put in, taken out or replaced (Levenshtein's distance). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, character] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (character === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
