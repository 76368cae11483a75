/** Prints results in the mode that is chosen. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import type { StatementResult } from "../sql/session";
import { csvLines } from "./csv";
import { jsonLines } from "./json";
import { recordLines, tableLines, type Paper } from "./table";
import { visibleLines } from "./text";

export const MODES = ["table", "line", "json", "csv"] as const;
export type Mode = (typeof MODES)[number];

/** The stream that results go to: a terminal has a width. */
export type Output = Writable & { isTTY?: boolean; columns?: number };

/** Texts of which each character takes a column, as most do. */
const LATIN = /^[\x20-\x7e\xa1-\xac\xae-\u02ff]*$/;

/** Characters that are collected before they are written. */
const CHUNK = 64 * 1024;

export class Printer {
  readonly #output: Output;
  mode: Mode;

  constructor(output: Output, mode: Mode) {
    this.#output = output;
    this.mode = mode;
  }

  /**
   * Prints the rows of a result. Prints nothing for a statement that has no columns.
   * @throws the signal's `reason`, after the rows that are printed already
   */
  async print(result: StatementResult, signal?: AbortSignal): Promise<void> {
    if (result.columns.length === 0) return;
    let text = "";
    for (const line of await this.#lines(result)) {
      text += `${line}\n`;
      if (text.length < CHUNK) continue;
      signal?.throwIfAborted();
      await this.#write(text, signal);
      text = "";
    }
    await this.#write(text, signal);
  }

  async #lines(result: StatementResult): Promise<Iterable<string>> {
    const isTerminal = this.#output.isTTY === true;
    if (this.mode === "json") return jsonLines(result);
    if (this.mode === "csv") return isTerminal ? shown(csvLines(result)) : csvLines(result);
    const { stringWidth } = await import("./string-width.mjs");
    const paper: Paper = {
      measure: (text) => (LATIN.test(text) ? text.length : stringWidth(text)),
      width: isTerminal ? this.#output.columns || 80 : Infinity,
      dimsNull: isTerminal && !process.env["NO_COLOR"],
    };
    return this.mode === "line" ? recordLines(result, paper) : tableLines(result, paper);
  }

  async #write(text: string, signal: AbortSignal | undefined): Promise<void> {
    if (text === "" || this.#output.write(text)) return;
    // A terminal is written to at once; what waits is a pipe.
    await once(this.#output, "drain", signal && { signal });
  }
}

function* shown(lines: Iterable<string>): Generator<string> {
  for (const line of lines) yield visibleLines(line);
}
