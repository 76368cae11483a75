/**
 * Measures the longest time for which the event loop did not turn: the delay of a timer, a request or
 * a key press.
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
    /** Ends the measurement. @returns {number} the longest time, in ms */
    stop() {
      clearInterval(timer);
      return longest;
    },
  };
}
