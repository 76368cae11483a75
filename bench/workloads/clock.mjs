/** How calls are timed. All times are by performance.now(), in ms. */

/** Calls per reading of the clock: a reading costs about as much as a tenth of a short call. */
const GROUP = 10;

/** The time of one call, as the median of small groups of calls. */
export class CallClock {
  #times = [];
  #calls = 0;
  #last = performance.now();

  /** Says that a call has ended, and the next one begins. */
  tick() {
    if (++this.#calls % GROUP !== 0) return;
    const now = performance.now();
    this.#times.push((now - this.#last) / GROUP);
    this.#last = now;
  }

  /** In µs. */
  median() {
    return quantile(this.#times, 0.5) * 1_000;
  }
}

/** @param {number[]} values @param {number} share 0 to 1 */
export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** The longest time between two turns of the event loop during an action, as a timer of 1 ms sees it. */
export async function longestGap(action) {
  let last = performance.now();
  let longest = 0;
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, 1);
  try {
    await action();
  } finally {
    clearInterval(timer);
    look();
  }
  return longest;
}

/** Ends in a later turn of the event loop. */
export const sleep = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** How late a timer of 1 ms is on a free event loop, at most. */
const LATENESS_MS = 1;

/**
 * Small reads, one due each ms while a condition holds, and one at least. The latency of a read counts
 * from when it was due: an event loop that is held makes it late.
 *
 * @param {() => unknown} read
 * @param {() => boolean} goesOn
 * @returns {Promise<number[]>} latencies in ms
 */
export async function readEachMs(read, goesOn) {
  const latencies = [];
  do {
    const due = performance.now() + 1 + LATENESS_MS;
    await sleep(1);
    const late = Math.max(performance.now() - due, 0);
    const start = performance.now();
    await read();
    latencies.push(late + performance.now() - start);
  } while (goesOn());
  return latencies;
}
