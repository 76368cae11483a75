/**
 * latchdb and the stock client, each in a process of its own: two copies of SQLite in one process would drop
 * each other's locks.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What the process is told. */
export interface Request {
  config: { url: string; adoptVectorIndexes?: boolean; timeout?: number };
  statements: readonly string[];
  /** Leaves the client open for the next request, which is to be on the same file. */
  staysOpen: boolean;
}

export interface Side {
  readonly name: "stock" | "latchdb";
  /** What it answers to statements on a file (of an error `error: …`), with a client that it then closes. */
  answers(file: string, statements: readonly string[]): Promise<string[]>;
  /** The same with a client that stays open. */
  answersAndStays(file: string, statements: readonly string[]): Promise<string[]>;
  /** Closes the client and ends the process. */
  end(): Promise<void>;
  /** Ends the process by SIGKILL. */
  kill(): Promise<void>;
}

/** Starts a side. latchdb takes over vector indexes of libSQL. */
export function startSide(name: Side["name"]): Side {
  const program = fileURLToPath(new URL("./side-process.mjs", import.meta.url));
  const packageName = name === "stock" ? "@libsql/client" : "latchdb";
  const child = spawn(process.execPath, [program, packageName], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (
    file: string,
    statements: readonly string[],
    staysOpen: boolean,
  ): Promise<string[]> => {
    // The garbage collector closes stock's connection, at any time, and that makes a checkpoint: latchdb waits for it.
    const config =
      name === "stock"
        ? { url: `file:${file}` }
        : { url: `file:${file}`, adoptVectorIndexes: true, timeout: 30_000 };
    const request: Request = { config, statements, staysOpen };
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`The process of ${name} has ended`);
    return JSON.parse(value) as string[];
  };
  return {
    name,
    answers: (file, statements) => ask(file, statements, false),
    answersAndStays: (file, statements) => ask(file, statements, true),
    end: async () => {
      child.stdin.end();
      await ended;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
