/**
 * Measures the longest time the event loop did not turn: what a timer, a request or a key press
 * would have waited.
 */
export function watchEventLoop() {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  return {
    /** Ends it. @returns {number} ms */
    stop() {
      clearInterval(timer);
      return longest;
    },
  };
}
