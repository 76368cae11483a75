/** How long the event loop was held, as a timer of 1 ms sees it. */
import { existsSync, readFileSync } from "node:fs";

/** The longest time between two turns of the event loop, in ms. */
export interface Gap {
  /** By the clock. */
  clock: number;
  /**
   * Without the time in which the thread was ready to go on and the system let other threads run
   * instead, which is the machine's doing; where the system does not tell it, the same as `clock`.
   */
  held: number;
}

/** https://docs.kernel.org/scheduler/sched-stats.html: of the main thread; the second number. */
const statistics = "/proc/self/schedstat";
const hasStatistics = existsSync(statistics);

/** The longest gap while an action runs. */
export async function longestGap(action: () => Promise<unknown>): Promise<Gap> {
  const longest: Gap = { clock: 0, held: 0 };
  let waited = waitedForProcessor();
  let last = performance.now();
  const look = (): void => {
    const clock = performance.now() - last;
    const waitedBefore = waited;
    waited = waitedForProcessor();
    longest.clock = Math.max(longest.clock, clock);
    longest.held = Math.max(longest.held, clock - (waited - waitedBefore));
    last = performance.now();
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

/**
 * The longest gaps of up to `attempts` runs: what the machine does shows in one of them, what is
 * ours in each. A run that stays below `bound` is the last one.
 */
export async function longestGaps(
  bound: number,
  action: () => Promise<unknown>,
  attempts = 3,
): Promise<Gap[]> {
  const gaps: Gap[] = [];
  while (gaps.length < attempts) {
    const gap = await longestGap(action);
    gaps.push(gap);
    if (gap.held < bound) break;
  }
  return gaps;
}

/** How long the main thread has been ready to run without a processor, in ms. */
function waitedForProcessor(): number {
  if (!hasStatistics) return 0;
  const [, nanoseconds] = readFileSync(statistics, "utf8").split(" ");
  return Number(nanoseconds) / 1e6;
}
