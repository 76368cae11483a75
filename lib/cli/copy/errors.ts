/** The errors of a copy. */
import { errorText } from "../sql/connect";

/** What ends a copy: its text says where and why. */
export class CopyError extends Error {
  /** The code of the database's error, if it is one. */
  readonly code: unknown;

  constructor(message: string, options?: { cause: unknown }) {
    super(message, options);
    this.code = (options?.cause as { code?: unknown } | undefined)?.code;
  }
}

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
    // Behind it, a text may show the SQL.
    const text = errorText(cause).replace(/$/m, () => advice(cause));
    throw new CopyError(`cannot ${name}: ${text}`, { cause });
  }
}

/** What to do about an error of a server. */
function advice(cause: unknown): string {
  switch ((cause as { code?: unknown }).code) {
    case "TRANSACTION_TIMEOUT":
      return ". Nothing is copied: the server ends a transaction of more than 5 s where another client waits to write. Keep other writers away, and copy again";
    case "RESPONSE_TOO_LARGE":
      return ". A row is larger than an answer of the server may be (--max-response-size of sqld)";
    default:
      return "";
  }
}
