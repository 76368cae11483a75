import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A worker that does not answer for so long is ended. */
const PATIENCE_MS = 180_000;
/** How much of what a failed worker has printed goes into its error. */
const TAIL = 300;

/** The process of one contender, as its parent sees it. */
export class WorkerProcess {
  #child;
  #ended;
  #answers = [];
  #errors = "";
  /** @type {string | undefined} how the process has ended */
  #end;
  #wake = () => {};

  /** @param {string[]} command */
  constructor([program, ...args]) {
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.setEncoding("utf8").on("data", (text) => {
      this.#errors = (this.#errors + text).slice(-TAIL);
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      // A peer may print lines of its own.
      if (!line.startsWith("{")) return;
      this.#answers.push(JSON.parse(line));
      this.#wake();
    });
    this.#ended = new Promise((resolve) => {
      const end = (how) => {
        this.#end ??= `its process ended (${how}) ${this.#errors.trim()}`.trim();
        this.#wake();
        resolve();
      };
      this.#child.once("error", (error) => end(error.message));
      this.#child.once("close", (code, signal) => end(signal ?? `code ${code}`));
    });
  }

  /**
   * Gives an order and waits for the answer.
   *
   * @param {Record<string, unknown>} order as worker.mjs describes them
   * @returns {Promise<any>}
   * @throws {Error} the worker's own, or because it has ended, or does not answer
   */
  async ask(order) {
    const deadline = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE_MS);
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
    while (this.#answers.length === 0 && this.#end === undefined) {
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
    clearTimeout(deadline);
    const answer = this.#answers.shift() ?? { error: this.#end };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  /** Closes the database and ends the process. */
  async end() {
    await this.ask({ do: "close" }).catch(() => {});
    this.kill();
    await this.#ended;
  }

  /** Ends the process at once. */
  kill() {
    this.#child.kill("SIGKILL");
  }
}
