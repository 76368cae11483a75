/** `latchdb swap SOURCE TARGET`: `swapFile` for shells and build scripts. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Durability, SwapResult } from "../../types/swap.js";
import { swapFile } from "../local/swap/swap-file";
import { defineCommand, printError, UsageError } from "./command";
import { endBySignal } from "./ended-by-signal";
import { ProgressBar } from "./progress-bar";

/** Stands for the staging file's path in the command of `--prepare`. */
const PLACE = "{}";
/** The environment variable that the path is passed in. */
const STAGING_VARIABLE = "LATCHDB_STAGING";

const DURABILITIES: Durability[] = ["full", "barrier", "none"];

const USAGE = `Usage: latchdb swap [options] <source> <target>

Replaces the target by a copy of the source, atomically: a process that reads
it, at any instant and after any crash, finds all of the old file or all of the
new one.

Arguments, each a path or a file: URL (./file:x is a file of that name):
  source                the file whose content is copied
  target                the file to replace, or to make

Options:
  --prepare <command>   a shell command that works on the new file before it
                        takes the target's place. ${PLACE} stands for its path,
                        quoted already: for example "codesign -s - ${PLACE}"
  --durability <level>  what a power cut may do: "full", "barrier" or "none"
                        (default: "full")
  --mode <octal>        the new file's permissions (default: the old file's)
  --skip-if-same        leave a target of the same content as it is
  --retry <ms>          how long to try where Windows refuses (default: 8000)
  --move-aside          on Windows, move a target away that runs as a program
  --json                print the result, or the error, as JSON
  -h, --help            print this
`;

export const swap = defineCommand(
  USAGE,
  ["source", "target"],
  {
    prepare: { type: "string" },
    durability: { type: "string", default: "full" },
    mode: { type: "string" },
    "skip-if-same": { type: "boolean" },
    retry: { type: "string", default: "8000" },
    "move-aside": { type: "boolean" },
    json: { type: "boolean" },
  },
  async ([source = "", target = ""], { prepare, json = false, ...values }) => {
    if (prepare !== undefined) checkPrepare(prepare);
    const options = {
      source,
      durability: parseDurability(values.durability),
      mode: parseMode(values.mode),
      skipIfSame: values["skip-if-same"],
      retryMs: parseMilliseconds(values.retry),
      moveAside: values["move-aside"],
    };
    const ended = endBySignal("the target is as it was");
    const bar = new ProgressBar(!json && process.stderr.isTTY);
    try {
      const result = await swapFile(target, {
        ...options,
        prepare: prepare === undefined ? undefined : (path) => run(prepare, path, ended.signal),
        signal: ended.signal,
        onProgress: (progress) => bar.show(progress),
      });
      bar.stop();
      console.log(json ? JSON.stringify(result) : describe(target, result));
    } catch (error) {
      bar.stop();
      process.exitCode = ended.exitCode() ?? 1;
      printError("swap", error, json);
    }
  },
);

async function run(command: string, stagingPath: string, signal: AbortSignal): Promise<void> {
  const isWindows = process.platform === "win32";
  // As a variable, so that the shell does not interpret characters of the path.
  const place = isWindows ? `"${stagingPath}"` : `"$${STAGING_VARIABLE}"`;
  const child = spawn(command.replaceAll(PLACE, place), {
    shell: true,
    env: { ...process.env, [STAGING_VARIABLE]: stagingPath },
    // Its output is not our result, so it goes to stderr.
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

function invalid(option: string, given: string, advice: string): UsageError {
  return new UsageError(`option '${option}' argument '${given}' is invalid. ${advice}`);
}

function checkPrepare(command: string): void {
  const option = "--prepare <command>";
  if (!command.includes(PLACE)) {
    throw invalid(option, command, `Put ${PLACE} where the new file's path belongs.`);
  }
  if (hasQuotedPlace(command)) {
    throw invalid(
      option,
      command,
      `Take the quotes away from around ${PLACE}: the path that takes its place is quoted already, ` +
        "and quotes within quotes would end them.",
    );
  }
}

/** Whether the shell would see a place within quotes or after a backslash. */
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

function parseDurability(text: string): Durability {
  const durability = DURABILITIES.find((candidate) => candidate === text);
  if (durability !== undefined) return durability;
  const choices = DURABILITIES.join(", ");
  throw invalid("--durability <level>", text, `Allowed choices are ${choices}.`);
}

function parseMode(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[0-7]{3,4}$/.test(text)) return Number.parseInt(text, 8);
  throw invalid("--mode <octal>", text, "Give it in octal, for example 755.");
}

function parseMilliseconds(text: string): number {
  // Number("") is 0: the text is empty where a script's variable is not set.
  const milliseconds = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  throw invalid("--retry <ms>", text, "Give a number of milliseconds.");
}
