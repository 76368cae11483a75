/** The errors of a copy. */
import { errorText } from "../sql/connect";

/** What ends a copy: its text says where and why. */
export class CopyError extends Error {}

/**
 * Runs a step of a copy.
 * @throws CopyError that names the step, and the signal's `reason`
 */
export async function step<T>(
  name: string,
  signal: AbortSignal,
  action: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  try {
    return await action();
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof CopyError) throw cause;
    throw new CopyError(`cannot ${name}: ${errorText(cause)}`, { cause });
  }
}
