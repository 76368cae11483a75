/** Calls that cannot start yet, in the order in which they were made. */

/** One waiting call. */
export interface WaitingCall {
  /** Whether it begins a transaction. */
  readonly begins: boolean;
  /** Whether it can start now. */
  ready(): boolean;
  start(): void;
  /** Ends a call that never started. */
  fail(error: unknown): void;
}

/** A line: the first call starts once it is ready, then the next one. */
export class CallLine {
  readonly #calls: WaitingCall[] = [];

  get isEmpty(): boolean {
    return this.#calls.length === 0;
  }

  /** The call that is next. */
  get first(): WaitingCall | undefined {
    return this.#calls[0];
  }

  push(call: WaitingCall): void {
    this.#calls.push(call);
  }

  /** Puts a call before all others. */
  unshift(call: WaitingCall): void {
    this.#calls.unshift(call);
  }

  /** Takes a call out, wherever it stands. */
  remove(call: WaitingCall): boolean {
    const index = this.#calls.indexOf(call);
    if (index < 0) return false;
    this.#calls.splice(index, 1);
    return true;
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
    for (const call of failing) this.remove(call);
    for (const call of failing) call.fail(error);
    return failing.length;
  }
}
