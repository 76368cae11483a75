import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./root.mjs";

/**
 * A note beside something that was made: what it was made from. It goes when that goes, so it
 * never speaks of what is not there.
 */
export class Stamp {
  #file;

  /** @param {string} path in the checkout */
  constructor(path) {
    this.#file = join(root, path);
  }

  /** @param {string} text */
  is(text) {
    try {
      return readFileSync(this.#file, "utf8") === text;
    } catch {
      return false;
    }
  }

  /** @param {string} text */
  write(text) {
    mkdirSync(dirname(this.#file), { recursive: true });
    writeFileSync(this.#file, text);
  }
}
