/** The lines that were typed, kept across runs. */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { mayHaveToken } from "../sql/connect";

/** Names another file; empty for none, as NODE_REPL_HISTORY. */
export const HISTORY_VARIABLE = "LATCHDB_HISTORY";

/** The lines that are kept. */
export const KEPT = 1000;

/** The file of the history: in the directory for the state of programs (XDG Base Directory). */
export function historyFile(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env[HISTORY_VARIABLE];
  if (named !== undefined) return named === "" ? undefined : named;
  const state =
    process.platform === "win32"
      ? env["LOCALAPPDATA"] || join(homedir(), "AppData", "Local")
      : env["XDG_STATE_HOME"] || join(homedir(), ".local", "state");
  return join(state, "latchdb", "shell_history");
}

/** A history in a file. A file that cannot be read or written is left alone: the shell works without. */
export class History {
  readonly #file: string | undefined;
  /** The lines, the latest first, as `readline` wants them. */
  readonly lines: string[] = [];

  /** @param file undefined for a history that is not kept */
  constructor(file: string | undefined) {
    this.#file = file;
    if (file === undefined) return;
    attempt(() => {
      const all = readFileSync(file, "utf8").split("\n").filter(Boolean);
      for (const line of all.slice(-KEPT)) this.lines.unshift(line);
      // Not at each line, because another shell may be adding its own.
      if (all.length > 2 * KEPT) writeFileSync(file, `${all.slice(-KEPT).join("\n")}\n`);
    });
  }

  /** Adds a line. One that begins with a blank, or may have a token in it, is not kept. */
  add(line: string): void {
    const file = this.#file;
    if (file === undefined || line.trim() === "" || /^\s/.test(line) || mayHaveToken(line)) return;
    attempt(() => {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      appendFileSync(file, `${line}\n`, { mode: 0o600 });
    });
  }
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // No history is better than no shell.
  }
}
