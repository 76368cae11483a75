/** The body of an answer that has an entry in each line, as hrana-client reads it. */
import type { Idleness } from "../idleness";
import { withReadableReals } from "../infinite-reals";
import { withKnownEntries } from "../known-entries";

export class Lines implements AsyncIterator<Uint8Array> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #idleness: Idleness;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #encoder = new TextEncoder();
  /** Lines that were received whole, and the number of those that were read. */
  #lines: string[] = [];
  #read = 0;
  /** The beginning of the next line, in pieces. */
  #begun: string[] = [];
  #isDone = false;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, idleness: Idleness) {
    this.#reader = reader;
    this.#idleness = idleness;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** One line: hrana-client copies all that it has for each entry. */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    while (this.#read === this.#lines.length) {
      if (this.#isDone) return { done: true, value: undefined };
      await this.#receive();
    }
    const line = this.#lines[this.#read++] as string;
    const readable = withReadableReals(line) ?? withKnownEntries(line) ?? line;
    return { done: false, value: this.#encoder.encode(readable) };
  }

  /** Ends the answer. A `next` that waits for it ends, too. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isDone = true;
    // It may have failed already.
    await this.#reader.cancel().catch(() => undefined);
    return { done: true, value: undefined };
  }

  async #receive(): Promise<void> {
    const { done, value } = await this.#reader.read();
    this.#idleness.heard();
    const parts = this.#decoder.decode(value, { stream: !done }).split("\n");
    const rest = parts.pop() as string;
    this.#lines = [];
    this.#read = 0;
    for (const part of parts) this.#lines.push(this.#whole(part) + "\n");
    if (rest !== "") this.#begun.push(rest);
    if (!done) return;
    this.#isDone = true;
    const last = this.#whole("");
    if (last !== "") this.#lines.push(last);
  }

  /** A line, by its last piece. */
  #whole(end: string): string {
    if (this.#begun.length === 0) return end;
    this.#begun.push(end);
    const line = this.#begun.join("");
    this.#begun = [];
    return line;
  }
}
