/**
 * The stock client, in a process of its own: two copies of SQLite in one process would undo each
 * other's POSIX locks, and some input ends the stock client's process.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { PlayRequest } from "./stock-process.mjs";
import type { Played, Script } from "./script.mjs";
import { unchecked } from "../support/unchecked.mjs";

const path = fileURLToPath(new URL("./stock-process.mjs", import.meta.url));

export class StockClient {
  #process: ChildProcess | undefined;

  /** Plays one script; a process that dies of it is replaced for the next one. */
  async play(script: Script, directory: string): Promise<Played> {
    const child = (this.#process ??= await start());
    const ended = new AbortController();
    const { signal } = ended;
    try {
      const request: PlayRequest = { script, directory };
      const answer = once(child, "message", { signal });
      const end = once(child, "exit", { signal });
      child.send(request);
      return await Promise.race([
        answer.then(([observations]) => ({ observations: unchecked<[]>(observations) })),
        end.then(([code, by]) => {
          this.#process = undefined;
          return { died: String(by ?? code) };
        }),
      ]);
    } finally {
      ended.abort();
    }
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    this.#process = undefined;
    const end = once(child, "exit");
    child.disconnect();
    await end;
  }
}

async function start(): Promise<ChildProcess> {
  // What the stock client's panics print is of no use here: its death is.
  const child = fork(path, {
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  await once(child, "message");
  return child;
}
