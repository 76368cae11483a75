/** A command that SIGINT, SIGTERM or SIGHUP ends in order. */
import { constants } from "node:os";

/**
 * Makes the signals of a process abort what the command does, so that it cleans up.
 * @param outcome what the error says about the state that is left
 * @returns the signal to abort by, and the exit code: that of shells, or undefined where no signal came
 */
export function endBySignal(outcome: string): {
  signal: AbortSignal;
  exitCode(): number | undefined;
} {
  const controller = new AbortController();
  let exitCode: number | undefined;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(name, () => {
      exitCode = 128 + constants.signals[name];
      controller.abort(new Error(`ended by ${name}; ${outcome}`));
    });
  }
  return { signal: controller.signal, exitCode: () => exitCode };
}
