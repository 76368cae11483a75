/** The shell on a terminal. */
import { createInterface, type Interface } from "node:readline";
import type { Readable } from "node:stream";
import type { Output } from "../output/printer";
import { errorText } from "../sql/connect";
import { run, type Shown } from "../sql/run";
import { StatementSplitter } from "../sql/splitter";
import { runDotCommand } from "./dot-commands";
import { KEPT, type History } from "./history";

/** The terminal: the streams, and the lines that were typed before. */
export interface Terminal {
  input: Readable;
  output: Output;
  history: History;
}

/** Reads statements and commands, and runs them, until Ctrl-D or `.quit`. */
export async function runRepl(terminal: Terminal, shown: Shown): Promise<void> {
  await new Repl(terminal, shown).ended;
}

class Repl {
  readonly #shown: Shown;
  readonly #history: History;
  readonly #readline: Interface;
  #splitter = new StatementSplitter();
  /** Lines that came while a statement ran. */
  readonly #lines: string[] = [];
  /** Cancels the statement that runs. */
  #running: AbortController | undefined;
  #isClosed = false;
  /** Resolves `ended`. */
  #end = (): void => undefined;
  readonly ended: Promise<void>;

  constructor({ input, output, history }: Terminal, shown: Shown) {
    this.#shown = shown;
    this.#history = history;
    this.#readline = createInterface({
      input,
      output,
      terminal: true,
      history: history.lines,
      historySize: KEPT,
      removeHistoryDuplicates: true,
    });
    this.ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#readline.on("line", (line) => {
        this.#lines.push(line);
        this.#work().catch(reject);
      });
      this.#readline.on("SIGINT", () => this.#interrupt());
      this.#readline.on("close", () => {
        this.#isClosed = true;
        if (this.#running === undefined) {
          // Ctrl-D leaves the cursor behind the prompt.
          this.#shown.write("\n");
          resolve();
        } else this.#running.abort(new Error("the shell has ended"));
      });
    });
    this.#prompt();
  }

  async #work(): Promise<void> {
    if (this.#running !== undefined) return;
    this.#running = new AbortController();
    for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
      if (this.#isClosed) break;
      await this.#take(line);
    }
    this.#running = undefined;
    if (this.#isClosed) this.#end();
    else this.#prompt();
  }

  async #take(line: string): Promise<void> {
    this.#history.add(line);
    if (!this.#splitter.isPending && /^\s*\./.test(line)) {
      await this.#attempt(async (signal) => {
        if (!(await runDotCommand(line, this.#shown, signal))) this.#readline.close();
      });
      return;
    }
    for (const { sql } of this.#splitter.read(`${line}\n`)) {
      // What was typed after a statement that failed was meant to follow it.
      if (!(await this.#attempt((signal) => run(this.#shown, sql, { signal })))) return;
    }
  }

  async #attempt(action: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    const controller = new AbortController();
    this.#running = controller;
    const wasInTransaction = this.#shown.session.inTransaction;
    try {
      await action(controller.signal);
      return true;
    } catch (error) {
      this.#shown.write(`error: ${errorText(error)}\n`);
      if (wasInTransaction && !this.#shown.session.inTransaction) {
        this.#shown.write("The transaction has ended: its changes are rolled back.\n");
      }
      return false;
    }
  }

  /** Ctrl-C: cancels what runs, or drops what is typed. */
  #interrupt(): void {
    if (this.#running !== undefined) {
      this.#lines.length = 0;
      this.#running.abort(new Error("cancelled"));
      return;
    }
    this.#splitter = new StatementSplitter();
    // To the end, and all before it away.
    this.#readline.write(null, { ctrl: true, name: "e" });
    this.#readline.write(null, { ctrl: true, name: "u" });
    this.#shown.write("^C\n");
    this.#prompt();
  }

  #prompt(): void {
    const mark = this.#shown.session.inTransaction ? "*" : "";
    const prompt = this.#splitter.isPending ? `${mark}...> ` : `latchdb${mark}> `;
    this.#readline.setPrompt(prompt.padStart("latchdb> ".length + mark.length));
    this.#readline.prompt();
  }
}
