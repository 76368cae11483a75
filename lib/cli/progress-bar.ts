/** How far a large file is written, where a person looks. */
import { Presets, SingleBar } from "cli-progress";
import type { SwapProgress } from "../../types/swap.js";

/** Smaller files are done before anybody could read it, in bytes. */
const LARGE = 16 * 1024 * 1024;

/** A bar on stderr, which shows itself for large files only. */
export class ProgressBar {
  readonly #isWanted: boolean;
  #bar: SingleBar | undefined;

  constructor(isWanted: boolean) {
    this.#isWanted = isWanted;
  }

  show({ step, done, total }: SwapProgress): void {
    if (!this.#isWanted || total === undefined || total < LARGE) return;
    if (this.#bar === undefined) {
      const format = "{bar} {percentage} % of {total} bytes  {step}";
      this.#bar = new SingleBar({ format, stream: process.stderr }, Presets.shades_classic);
      this.#bar.start(total, done, { step });
    }
    this.#bar.update(done, { step });
  }

  stop(): void {
    this.#bar?.stop();
  }
}
