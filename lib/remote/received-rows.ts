/** The rows of a statement as a server sends them, up to as many as somebody wants ahead. */
import { setImmediate } from "../client/timers";
import { rowsCutOff, statementFailure } from "./errors";
import type { WireColumns, WireEntry, WireValue } from "./protocol";
import type { WireRows } from "./results";
import type { EntryReader } from "./server";

/** So many bytes of values, roughly, are received ahead. */
const MOST_BYTES = 256 * 1024;

export class ReceivedRows {
  readonly #entries: EntryReader;
  readonly #mostRows: number;
  #columns: WireColumns | undefined;
  #rows: WireValue[][] = [];
  #bytes = 0;
  /** Whether the server has said that there are no further rows. */
  #isWhole = false;
  #hasEnded = false;
  #failure: { error: unknown } | undefined;
  /** Goes on with a reader that waits for rows. */
  #wake: (() => void) | undefined;
  /** Goes on with the server's entries. */
  #resume: (() => void) | undefined;

  /** @param mostRows how many are received ahead at most */
  constructor(entries: EntryReader, mostRows: number) {
    this.#entries = entries;
    this.#mostRows = mostRows;
    void this.#receive();
  }

  /**
   * What has come meanwhile: at least one row, or the end.
   * @throws Failure of the statement, behind its rows
   */
  async take(): Promise<{ columns: WireColumns; rows: WireRows; isLast: boolean }> {
    while (!this.#hasSome) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#rows.length === 0 && this.#failure !== undefined) throw this.#failure.error;
    const rows = this.#rows;
    this.#rows = [];
    this.#bytes = 0;
    this.#resume?.();
    const isLast = this.#hasEnded && this.#failure === undefined;
    return { columns: this.#columns ?? [], rows, isLast };
  }

  get #hasSome(): boolean {
    return this.#rows.length > 0 || this.#hasEnded;
  }

  get #isFull(): boolean {
    return this.#rows.length >= this.#mostRows || this.#bytes >= MOST_BYTES;
  }

  async #receive(): Promise<void> {
    try {
      let entry: WireEntry | undefined;
      while ((entry = await this.#entries.next()) !== undefined) {
        this.#add(entry);
        if (!this.#isFull) continue;
        this.#wakeUp();
        while (this.#isFull) await new Promise<void>((resolve) => (this.#resume = resolve));
      }
      if (!this.#isWhole) throw rowsCutOff();
    } catch (error) {
      this.#failure = { error };
    }
    this.#hasEnded = true;
    this.#wakeUp();
  }

  #add(entry: WireEntry): void {
    switch (entry.type) {
      case "step_begin":
        this.#columns = entry.cols;
        break;
      case "row":
        // Those that were received with it come first.
        if (this.#rows.length === 0) setImmediate(() => this.#wakeUp());
        this.#rows.push(entry.row);
        for (const value of entry.row) this.#bytes += sizeOf(value);
        break;
      case "step_end":
        this.#isWhole = true;
        break;
      case "step_error":
      case "error":
        throw statementFailure(entry.error);
    }
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

function sizeOf(value: WireValue): number {
  if (typeof value === "string") return value.length;
  return value instanceof Uint8Array ? value.byteLength : 8;
}
