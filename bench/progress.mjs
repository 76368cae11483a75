const WIDTH = 24;

/** A line on stderr that is rewritten. On a terminal only: a log has the tables. */
export class ProgressBar {
  #isShown = process.stderr.isTTY;

  /** @param {number} share of all work, 0 to 1 @param {string} text what is being done */
  show(share, text) {
    if (!this.#isShown) return;
    const bar = "█".repeat(share * WIDTH).padEnd(WIDTH, "░");
    // A line that is wider than the terminal could not be rewritten.
    const line = `${bar} ${Math.floor(share * 100)} %  ${text}`;
    process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`);
  }

  /** Makes room for other lines. */
  hide() {
    if (this.#isShown) process.stderr.write("\r\x1b[K");
  }
}
