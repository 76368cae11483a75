import type { ExecutionContext } from "ava";
import type { Report } from "./check.mjs";
import { ext4 } from "./ext4.mjs";
import { posix } from "./posix.mjs";

/** Asserts that each of the models found a violation that says this. */
export function isFoundBy(
  t: ExecutionContext,
  { violations }: Report,
  problem: RegExp,
  models = [posix, ext4],
): void {
  for (const { name } of models) {
    const found = violations.filter(({ model }) => model === name);
    t.true(
      found.some((violation) => problem.test(violation.problem)),
      `${name}, ${problem}: ${JSON.stringify(violations.slice(0, 3))}`,
    );
  }
}
