/** The wait for a suspension: until nothing of a client runs, up to a limit, or until it is aborted. */
import { clearTimeout, LONGEST_MS, setTimeout } from "../timers";

/** How a client is suspended. */
export interface SuspensionOptions {
  /**
   * How long to wait for what was called before, and for open transactions, in ms. What an earlier
   * suspension of the same client takes does not count.
   */
  timeoutMs: number;
  /** Ends the wait. The action that runs once it is over ends by itself. */
  signal?: AbortSignal | undefined;
}

/** See the module's own text. */
export class SuspensionWait {
  readonly #controller = new AbortController();
  readonly #given: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /**
   * @param earlier the suspension that has to be over before the limit counts
   * @param error what the wait ends with at the limit
   */
  constructor(
    { timeoutMs, signal }: SuspensionOptions,
    earlier: Promise<void> | undefined,
    error: () => Error,
  ) {
    this.#given = signal;
    signal?.addEventListener("abort", this.#abort, { once: true });
    const limit = Math.min(Math.max(timeoutMs, 0), LONGEST_MS);
    const count = (): void => {
      if (this.#isOver) return;
      this.#timer = setTimeout(() => this.#controller.abort(error()), limit);
    };
    if (earlier === undefined) count();
    else void earlier.then(count);
  }

  /** Is aborted by the caller's own signal, with its reason, and at the limit, with the error. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** It is over: neither the limit nor the caller's signal counts any more. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#given?.removeEventListener("abort", this.#abort);
  }

  readonly #abort = (): void => this.#controller.abort(this.#given?.reason);
}
