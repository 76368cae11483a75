/** Programs of `support/programs/` as processes of their own, which talk in lines. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

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
  readonly pid: number | undefined;
  /** All lines that it has printed until now. */
  readonly lines: readonly string[];
  /** Waits for this line. Lines before it are passed over. */
  waitFor(line: string): Promise<void>;
  /** Tells it something. */
  say(line: string): void;
  /** Ends it; by SIGKILL, where nothing else is said. */
  kill(signal?: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/**
 * Starts a program. `runtime` are options of the runtime itself, such as `--expose-gc`, and `env` are
 * further environment variables.
 */
export function startHelper(
  name: string,
  args: string[] = [],
  runtime: string[] = [],
  env: NodeJS.ProcessEnv = {},
): Program {
  const path = fileURLToPath(new URL(`./programs/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [...runtime, path, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
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
  let passed = 0;
  return {
    pid: child.pid,
    lines,
    ended,
    kill: (signal = "SIGKILL") => void child.kill(signal),
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
