/** Shows how far a step is: a line that is rewritten on a terminal, a line at its end in a log. */

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
  const start = performance.now();
  let shown = -1;
  const show = (rows) => {
    const percent = Math.floor((rows / total) * 100);
    if (!process.stderr.isTTY || percent === shown) return;
    shown = percent;
    process.stderr.write(`\r${name.padEnd(24)} ${percent} % of ${total.toLocaleString("en")}`);
  };
  try {
    await action(show);
  } finally {
    if (shown >= 0) process.stderr.write("\r\x1b[K");
  }
  const ms = performance.now() - start;
  console.log(`${name.padEnd(24)} ${total.toLocaleString("en")} rows in ${ms.toFixed(0)} ms`);
  return ms;
}
