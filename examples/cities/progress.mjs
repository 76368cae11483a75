/** Shows the progress of a step: as a bar on a terminal, as one line at its end in a log. */
import { SingleBar, Presets } from "cli-progress";

/**
 * Runs a step and measures it.
 *
 * @template T
 * @param {string} name
 * @param {number} total the number of rows
 * @param {(onProgress: (rows: number) => void) => Promise<T>} action
 * @returns {Promise<number>} ms
 */
export async function withProgress(name, total, action) {
  const format = `${name.padEnd(24)} {bar} {value}/{total}`;
  const bar = new SingleBar({ format, clearOnComplete: true, barsize: 30 }, Presets.shades_classic);
  const start = performance.now();
  bar.start(total, 0);
  try {
    await action((rows) => bar.update(rows));
  } finally {
    // Without a terminal the bar shows nothing.
    bar.stop();
  }
  const ms = performance.now() - start;
  console.log(`${name.padEnd(24)} ${total.toLocaleString("en")} rows in ${ms.toFixed(0)} ms`);
  return ms;
}
