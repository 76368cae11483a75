/** Abort signals of calls: which objects count as one, and one listener for all calls of a signal. */

/** What a signal must have. `throwIfAborted`, `reason` and `removeEventListener` may be missing. */
interface SignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { once: boolean }): void;
  removeEventListener?(type: "abort", listener: () => void): void;
}

/** Whether it is one of this realm, with the methods of its class: its `addEventListener` cannot throw. */
function isPlain(signal: SignalLike): boolean {
  return (
    Object.getPrototypeOf(signal) === AbortSignal.prototype &&
    signal.addEventListener === EventTarget.prototype.addEventListener
  );
}

const known = new WeakMap<object, CallSignal>();

/**
 * The signal of calls. All calls with the same AbortSignal share one of these, and one listener on it:
 * Node.js warns of more than a few listeners (MaxListenersExceededWarning).
 *
 * Its members never throw. A signal whose `aborted` throws later counts as aborted with that error.
 */
export class CallSignal {
  readonly #signal: SignalLike;
  /** What waits for the abort, in the order of `add`. */
  readonly #waiting = new Set<() => void>();
  #isListening = false;
  /** The `abort` event has come, or the signal has thrown. */
  #isAborted = false;
  /** The reason, once it was needed, if it is not that of the signal. */
  #ownReason: { error: unknown } | undefined;

  /**
   * @param given an AbortSignal, also of another realm or of a polyfill
   * @throws TypeError if it is no AbortSignal; what its members throw
   */
  static of(given: unknown): CallSignal {
    if (given instanceof CallSignal) return given;
    const isObject = (typeof given === "object" && given !== null) || typeof given === "function";
    const found = isObject ? known.get(given) : undefined;
    if (found !== undefined) return found;
    const signal = given as SignalLike;
    if (
      !isObject ||
      typeof signal.aborted !== "boolean" ||
      typeof signal.addEventListener !== "function"
    ) {
      throw new TypeError(
        "signal must be an AbortSignal: an object with a boolean `aborted` and the function `addEventListener`",
      );
    }
    const made = new CallSignal(signal);
    known.set(signal, made);
    return made;
  }

  private constructor(signal: SignalLike) {
    this.#signal = signal;
    // If `addEventListener` throws, it has to do so now: later, a call has begun.
    if (isPlain(signal) || signal.aborted) return;
    this.#listen();
    this.#stopListening();
  }

  get aborted(): boolean {
    if (this.#isAborted) return true;
    try {
      return this.#signal.aborted;
    } catch (error) {
      this.#fail(error);
      return true;
    }
  }

  /** The reason of the abort: the signal's own, or an AbortError if it has none. */
  get reason(): unknown {
    if (this.#ownReason !== undefined) return this.#ownReason.error;
    try {
      const { reason } = this.#signal;
      if (reason !== undefined) return reason;
      this.#ownReason = { error: new DOMException("This operation was aborted", "AbortError") };
    } catch (error) {
      this.#ownReason = { error };
    }
    return this.#ownReason.error;
  }

  /** @throws the reason, if the signal is aborted */
  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  /**
   * Calls a function once at the abort, unless `remove` is called before. If the signal is aborted
   * already, calls it at once.
   */
  add(waiting: () => void): void {
    if (this.aborted) return waiting();
    this.#waiting.add(waiting);
    try {
      this.#listen();
    } catch (error) {
      this.#fail(error);
      this.#abort();
    }
  }

  remove(waiting: () => void): void {
    if (this.#waiting.delete(waiting) && this.#waiting.size === 0) this.#stopListening();
  }

  #listen(): void {
    if (this.#isListening) return;
    this.#signal.addEventListener("abort", this.#abort, { once: true });
    this.#isListening = true;
  }

  /** A signal that cannot forget its listener keeps this one, which does nothing without calls. */
  #stopListening(): void {
    if (typeof this.#signal.removeEventListener !== "function") return;
    try {
      this.#signal.removeEventListener("abort", this.#abort);
      this.#isListening = false;
    } catch {
      // It is still listening.
    }
  }

  #fail(error: unknown): void {
    this.#isAborted = true;
    this.#ownReason = { error };
  }

  readonly #abort = (): void => {
    this.#isAborted = true;
    // The last one first: the end of a call must not start one that is about to be ended.
    const all = [...this.#waiting];
    for (let waiting = all.pop(); waiting !== undefined; waiting = all.pop()) {
      // An earlier one may have ended this one.
      if (!this.#waiting.delete(waiting)) continue;
      try {
        waiting();
      } catch (error) {
        // The other calls have to hear of the abort, too.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };
}
