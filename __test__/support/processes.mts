/** Other processes: programs of `support/programs/`, which talk in lines. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";

/** How a program ended. */
export interface Ended {
  code: number | null;
  signal: string | null;
  /** All that it printed, in lines. */
  lines: string[];
  /** What it printed on stderr. */
  errors: string;
}

/** A program that runs. */
export interface Program {
  /** Waits for this line. Lines before it are passed over. */
  waitFor(line: string): Promise<void>;
  /** Tells it something. */
  say(line: string): void;
  readonly ended: Promise<Ended>;
}

interface StartOptions {
  arguments?: string[];
  /** Options of the runtime itself, such as `--expose-gc`. */
  runtime?: string[];
}

/** Starts a program of `support/programs/`. The end of the test ends it, by its own id. */
export function startProgram(
  t: ExecutionContext,
  name: string,
  { arguments: args = [], runtime = [] }: StartOptions = {},
): Program {
  const path = fileURLToPath(new URL(`./programs/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [...runtime, path, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  // Its end closes the pipe: who speaks to it then learns of that from `ended`.
  child.stdin.on("error", () => undefined);
  const lines: string[] = [];
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const reader = createInterface({ input: child.stdout });
  const heard = new Set<() => void>();
  reader.on("line", (line) => {
    lines.push(line);
    for (const hear of heard) hear();
  });
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal, lines, errors }));
  t.teardown(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  let passed = 0;
  return {
    ended,
    say: (line) => void child.stdin.write(line + "\n"),
    waitFor: (line) =>
      new Promise((resolve, reject) => {
        const hear = (): void => {
          const found = lines.indexOf(line, passed);
          if (found < 0) return;
          passed = found + 1;
          heard.delete(hear);
          resolve();
        };
        heard.add(hear);
        hear();
        void ended.then(({ code }) => {
          reject(new Error(`${name} ended (${code}) before it said "${line}": ${errors}`));
        });
      }),
  };
}

/** Runs a program to its end. */
export function runProgram(
  t: ExecutionContext,
  name: string,
  options?: StartOptions,
): Promise<Ended> {
  return startProgram(t, name, options).ended;
}

/** Runs a program that ends well, and reads what it printed last as JSON. */
export async function reportOf<T>(
  t: ExecutionContext,
  name: string,
  options?: StartOptions,
): Promise<T> {
  const { code, signal, lines, errors } = await runProgram(t, name, options);
  t.is(signal, null, `${name} was ended by a signal: ${errors}`);
  t.is(code, 0, `${name} failed: ${errors}`);
  return JSON.parse(lines.at(-1) ?? "null") as T;
}

/** A lock that another process holds. */
export interface HeldLock {
  /** Has it given back, and waits for that. */
  release(): Promise<void>;
}

/**
 * Has another process lock a database, and waits until it has. "write" is the lock of a
 * `BEGIN IMMEDIATE`; "exclusive" keeps readers out too.
 */
export async function lockElsewhere(
  t: ExecutionContext,
  file: string,
  kind: "write" | "exclusive",
): Promise<HeldLock> {
  const program = startProgram(t, "lock-holder", { arguments: [file, kind] });
  await program.waitFor("held");
  return {
    release: async () => {
      program.say("release");
      await program.waitFor("released");
    },
  };
}
