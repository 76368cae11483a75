/** How often a sign of life is printed: often to a person, seldom to a log. */
const interval = process.stdout.isTTY ? 1_000 : 30_000;

/**
 * Shows that something long is alive: one line that is rewritten on a terminal, a line now and
 * then in a log.
 *
 * @param {() => string} describe what to show
 * @returns {() => void} ends it
 */
export function startHeartbeat(describe) {
  const start = performance.now();
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - start) / 1_000);
    const line = `     … ${describe()} (${seconds} s)`;
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}`);
    else console.log(line);
  }, interval);
  return () => {
    clearInterval(timer);
    if (process.stdout.isTTY) process.stdout.write("\r\x1b[K");
  };
}
