/** Calls that cannot start yet, in the order in which they were made. */

/** How a call starts, or does not. */
export interface Call<T> {
  /** Ends the call while it waits. */
  readonly signal: AbortSignal | undefined;
  /** Whether it begins a transaction. */
  readonly begins?: boolean;
  /** Whether it can start now. */
  ready(): boolean;
  start(): Promise<T>;
  /** The call ended without having started. */
  gaveUp?(): void;
}

/** One waiting call. */
export interface WaitingCall {
  readonly begins: boolean;
  ready(): boolean;
  start(): void;
  fail(error: unknown): void;
}

/** A line: the first call starts once it is ready, then the next one. */
export class CallLine {
  readonly #calls: WaitingCall[] = [];

  /** The call that is next. */
  get first(): WaitingCall | undefined {
    return this.#calls[0];
  }

  /** Starts a call now, where nobody waits and it is ready, or lets it wait. */
  enter<T>(call: Call<T>): Promise<T> {
    if (this.first === undefined && call.ready()) return attempt(() => call.start());
    const { signal, begins = false } = call;
    return new Promise<T>((resolve, reject) => {
      const abort = (): void => {
        if (this.#remove(waiting)) waiting.fail(signal?.reason);
        this.advance();
      };
      const waiting: WaitingCall = {
        begins,
        ready: () => call.ready(),
        start: () => {
          signal?.removeEventListener("abort", abort);
          resolve(attempt(() => call.start()));
        },
        fail: (error) => {
          signal?.removeEventListener("abort", abort);
          call.gaveUp?.();
          reject(error);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#calls.push(waiting);
    });
  }

  /** Puts something before all calls. */
  enterFirst(call: WaitingCall): void {
    this.#calls.unshift(call);
    this.advance();
  }

  /** Starts every call that can. */
  advance(): void {
    for (let first = this.first; first?.ready(); first = this.first) {
      this.#calls.shift();
      first.start();
    }
  }

  /**
   * Ends all calls that `which` picks; they never start.
   * @returns how many
   */
  fail(error: unknown, which: (call: WaitingCall) => boolean = () => true): number {
    const failing = this.#calls.filter(which);
    for (const call of failing) this.#remove(call);
    for (const call of failing) call.fail(error);
    return failing.length;
  }

  #remove(call: WaitingCall): boolean {
    const index = this.#calls.indexOf(call);
    if (index < 0) return false;
    this.#calls.splice(index, 1);
    return true;
  }
}

/** Runs what may throw, and makes a rejection of it. */
function attempt<T>(start: () => Promise<T>): Promise<T> {
  try {
    return start();
  } catch (error) {
    return Promise.reject(error);
  }
}
