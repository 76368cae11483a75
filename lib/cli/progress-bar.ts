/** Shows a person how much of a large file or database is written. */

/** Smaller files are done before anybody could read it, in bytes. */
const LARGE = 16 * 1024 * 1024;
const WIDTH = 40;

/** How far the work is. */
interface Progress {
  /** What is being done. */
  step: string;
  done: number;
  total?: number | undefined;
}

/** A line on stderr that is rewritten. Shown for large work only. */
export class ProgressBar {
  readonly #isWanted: boolean;
  readonly #unit: string;
  readonly #least: number;
  #line = "";

  /** @param options what is counted, and the least total that is shown */
  constructor(isWanted: boolean, { unit = "bytes", least = LARGE } = {}) {
    this.#isWanted = isWanted;
    this.#unit = unit;
    this.#least = least;
  }

  show({ step, done, total }: Progress): void {
    if (!this.#isWanted || total === undefined || total < this.#least) return;
    const share = Math.min(done / total, 1);
    const bar = "█".repeat(share * WIDTH).padEnd(WIDTH, "░");
    // A line that is wider than the terminal could not be rewritten.
    const line = `${bar} ${Math.floor(share * 100)} % of ${total} ${this.#unit}  ${step}`.slice(
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
