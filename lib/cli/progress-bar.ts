/** Shows a person how far a large file is written. */
import type { SwapProgress } from "../../types/swap.js";

/** Smaller files are done before anybody could read it, in bytes. */
const LARGE = 16 * 1024 * 1024;
const WIDTH = 40;

/** A line on stderr that is rewritten. Shown for large files only. */
export class ProgressBar {
  readonly #isWanted: boolean;
  #line = "";

  constructor(isWanted: boolean) {
    this.#isWanted = isWanted;
  }

  show({ step, done, total }: SwapProgress): void {
    if (!this.#isWanted || total === undefined || total < LARGE) return;
    const share = Math.min(done / total, 1);
    const bar = "█".repeat(share * WIDTH).padEnd(WIDTH, "░");
    // A line that is wider than the terminal could not be rewritten.
    const line = `${bar} ${Math.floor(share * 100)} % of ${total} bytes  ${step}`.slice(
      0,
      (process.stderr.columns || 80) - 1,
    );
    if (line === this.#line) return;
    this.#line = line;
    process.stderr.write(`\r\x1b[K${line}`);
  }

  stop(): void {
    if (this.#line !== "") process.stderr.write("\n");
  }
}
