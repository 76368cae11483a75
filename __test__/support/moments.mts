/** Moments in the course of a call at which something is to come in between. */

/** Holds the event loop for so many microseconds: timers are a thousand times coarser. */
export function spin(microseconds: number): void {
  const end = performance.now() + microseconds / 1000;
  while (performance.now() < end);
}

/** How many microseconds a call takes, as a rule: the median of `tries`. */
export async function usualMicroseconds(
  call: (index: number) => Promise<unknown>,
  tries = 15,
): Promise<number> {
  const took: number[] = [];
  for (let index = 0; index < tries; index++) {
    const began = performance.now();
    await call(index);
    took.push((performance.now() - began) * 1000);
  }
  took.sort((a, b) => a - b);
  return took[tries >> 1] ?? 0;
}
