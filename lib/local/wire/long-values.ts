/** Puts together the long values of an answer, which come in pieces before their rows. */
import type { Value } from "@libsql/core/api";
import type { Piece } from "./response";

/** The long values of one answer, in the order of their cells. */
export class LongValues {
  readonly #complete: Value[] = [];
  #blob: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  #text = "";

  /**
   * Takes the next piece.
   * @throws RangeError if there is not enough memory for the value
   */
  add({ content, isLast, total }: Piece): void {
    if (typeof content === "string") {
      this.#text += content;
      if (!isLast) return;
      this.#complete.push(this.#text);
      this.#text = "";
      return;
    }
    this.#blob ??= new Uint8Array(total);
    this.#blob.set(content, this.#filled);
    this.#filled += content.length;
    if (!isLast) return;
    this.#complete.push(this.#blob.buffer);
    this.#blob = undefined;
    this.#filled = 0;
  }

  /** Takes the next complete value. */
  readonly next = (): Value => {
    const value = this.#complete.shift();
    if (value === undefined) throw new TypeError("a long value has not come");
    return value;
  };
}
