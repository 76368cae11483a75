/**
 * Runs one step and prints one line about it: what it did, and how long that took.
 *
 * @param {string} name
 * @param {() => string | Promise<string>} action gives what it did, or throws an error whose
 * message says what is wrong and what to do
 * @returns {Promise<boolean>} whether it went well
 */
export async function step(name, action) {
  const start = performance.now();
  try {
    printLine("ok", name, await action(), start);
    return true;
  } catch (error) {
    printLine("FAIL", name, error.message, start);
    return false;
  }
}

/**
 * @param {"ok" | "FAIL" | "skip"} mark
 * @param {string} name
 * @param {string} text
 * @param {number} start by performance.now()
 */
export function printLine(mark, name, text, start) {
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  console.log(`${mark.padEnd(4)} ${name.padEnd(14)} ${text} (${seconds} s)`);
}
