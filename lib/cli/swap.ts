/** `latchdb swap SOURCE TARGET`: `swapFile` for shells and build scripts. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Durability, SwapResult } from "../../swap.js";
import { swapFile } from "../local/swap/swap-file";
import { printError } from "./print-error";
import { ProgressBar } from "./progress-bar";

interface SwapFlags {
  prepare?: string;
  durability: Durability;
  mode?: number;
  skipIfSame?: true;
  retry: number;
  moveAside?: true;
  json?: true;
}

/** Where the staging file's path is put into the command of `--prepare`. */
const PLACE = "{}";
/** The variable that it then comes from. */
const STAGING_VARIABLE = "LATCHDB_STAGING";

/** The command, ready to be added to a program. */
export function swapCommand(): Command {
  return new Command("swap")
    .showHelpAfterError()
    .description(
      "Replaces TARGET by a copy of SOURCE, atomically: whoever reads it, at any instant and " +
        "after any crash, finds all of the old file or all of the new one.",
    )
    .argument("<source>", "the file whose content is copied")
    .argument("<target>", "the file to replace, or to make")
    .option(
      "--prepare <command>",
      `a shell command that works on the new file before it takes the target's place, ${PLACE} ` +
        `being its path, which is quoted already; for example "codesign -s - ${PLACE}"`,
      checkPrepare,
    )
    .addOption(
      new Option("--durability <level>", "what a power cut may do")
        .choices(["full", "barrier", "none"])
        .default("full"),
    )
    .option("--mode <octal>", "the new file's permissions (default: the old file's)", parseMode)
    .option("--skip-if-same", "leave a target of the same content as it is")
    .option("--retry <ms>", "how long to try where Windows refuses", parseMilliseconds, 8000)
    .option("--move-aside", "on Windows, move a target away that runs as a program")
    .option("--json", "print the result, or the error, as JSON")
    .action(swap);
}

async function swap(source: string, target: string, flags: SwapFlags): Promise<void> {
  const ended = endBySignal();
  const bar = new ProgressBar(flags.json === undefined && process.stderr.isTTY);
  const { prepare } = flags;
  try {
    const result = await swapFile(target, {
      source,
      prepare: prepare === undefined ? undefined : (path) => run(prepare, path, ended.signal),
      durability: flags.durability,
      mode: flags.mode,
      skipIfSame: flags.skipIfSame,
      retryMs: flags.retry,
      moveAside: flags.moveAside,
      signal: ended.signal,
      onProgress: (progress) => bar.show(progress),
    });
    bar.stop();
    console.log(flags.json ? JSON.stringify(result) : describe(target, result));
  } catch (error) {
    bar.stop();
    process.exitCode = ended.exitCode() ?? 1;
    printError("swap", error, flags.json === true);
  }
}

/** Ctrl-C and the like end the swap in order, so that no staging file is left. */
function endBySignal(): { signal: AbortSignal; exitCode(): number | undefined } {
  const controller = new AbortController();
  let exitCode: number | undefined;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(name, () => {
      // As shells count them.
      exitCode = 128 + constants.signals[name];
      controller.abort(new Error(`ended by ${name}; the target is as it was`));
    });
  }
  return { signal: controller.signal, exitCode: () => exitCode };
}

async function run(command: string, stagingPath: string, signal: AbortSignal): Promise<void> {
  const isWindows = process.platform === "win32";
  // By a variable, so that no shell takes a part of the path for a part of the command.
  const place = isWindows ? `"${stagingPath}"` : `"$${STAGING_VARIABLE}"`;
  const child = spawn(command.replaceAll(PLACE, place), {
    shell: true,
    env: { ...process.env, [STAGING_VARIABLE]: stagingPath },
    // What it prints is no result of ours: it goes where messages go.
    stdio: ["ignore", 2, 2],
    signal,
  });
  const [code, endedBy] = (await once(child, "close")) as [number | null, string | null];
  if (code !== 0) throw new Error(`the command ended with ${endedBy ?? `exit code ${code}`}`);
}

function describe(target: string, { skipped, bytes, durable, ms }: SwapResult): string {
  if (skipped) return `${target} has the same content already: it is left as it is`;
  const outlives = durable ? "on the disk" : "a power cut may still undo it";
  return `${target} is replaced: ${bytes} bytes in ${Math.round(ms)} ms, ${outlives}`;
}

function checkPrepare(command: string): string {
  if (!command.includes(PLACE)) {
    throw new InvalidArgumentError(`Put ${PLACE} where the new file's path belongs.`);
  }
  if (hasQuotedPlace(command)) {
    throw new InvalidArgumentError(
      `Take the quotes away from around ${PLACE}: the path that takes its place is quoted already, ` +
        "and quotes within quotes would end them.",
    );
  }
  return command;
}

/** Whether the place is within quotes, or behind a backslash, as a shell reads them. */
function hasQuotedPlace(command: string): boolean {
  const isWindows = process.platform === "win32";
  let quote = "";
  for (let at = 0; at < command.length; at++) {
    const character = command[at] ?? "";
    if (quote !== "" && command.startsWith(PLACE, at)) return true;
    if (!isWindows && character === "\\" && quote !== "'") {
      at++;
      if (command.startsWith(PLACE, at)) return true;
    } else if (character === quote) quote = "";
    else if (quote === "" && (character === '"' || (!isWindows && character === "'"))) {
      quote = character;
    }
  }
  return false;
}

function parseMode(text: string): number {
  if (/^[0-7]{3,4}$/.test(text)) return Number.parseInt(text, 8);
  throw new InvalidArgumentError("Give it in octal, for example 755.");
}

function parseMilliseconds(text: string): number {
  // An empty text is a number, too: a variable of a script that is not set.
  const milliseconds = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  throw new InvalidArgumentError("Give a number of milliseconds.");
}
