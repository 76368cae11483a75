/** Calls that cannot start yet, in the order in which they were made. */
import { AsyncResource } from "node:async_hooks";
import { performance } from "node:perf_hooks";

/** How a call starts, or does not. */
export interface Call<T> {
  /** Ends the call while it waits. */
  readonly signal: AbortSignal | undefined;
  /** Whether it begins a transaction. */
  readonly begins?: boolean;
  /** Whether it waits until nothing runs, by a limit of its own. */
  readonly suspends?: boolean;
  /** Nobody called for it: it belongs to a closing. */
  readonly isOfClosing?: boolean;
  /** Whether it runs in the client's explicit transaction while that is open. */
  readonly joins?: boolean;
  /** Whether it can start now. */
  ready(): boolean;
  start(): Promise<T>;
  /** The call ended without having started. */
  gaveUp?(): void;
}

/** One waiting call. */
export interface WaitingCall {
  readonly begins: boolean;
  readonly suspends: boolean;
  readonly isOfClosing: boolean;
  readonly joins: boolean;
  /** When it was made, in ms (`performance.now()`). */
  readonly since: number;
  ready(): boolean;
  start(): void;
  fail(error: unknown): void;
}

/**
 * A line: the first call starts once it is ready, then the next one. While an explicit transaction is
 * open, the calls that join it pass the others, which wait for its end.
 */
export class CallLine {
  readonly #calls: WaitingCall[] = [];
  readonly #canJoin: () => boolean;
  /** How many of the calls join. */
  #joining = 0;
  #onEmpty: (() => void) | undefined;
  #isHeld = false;
  #isBehind = false;

  /** @param canJoin whether an explicit transaction is open */
  constructor(canJoin: () => boolean = () => false) {
    this.#canJoin = canJoin;
  }

  /** The call that is next. */
  get first(): WaitingCall | undefined {
    return this.#calls[0];
  }

  /** Whether it was held, and some of those who came meanwhile, or after them, still wait. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Starts a call now, where nobody waits and it is ready, or lets it wait. */
  enter<T>(call: Call<T>): Promise<T> {
    const { signal, begins = false, suspends = false, isOfClosing = false, joins = false } = call;
    const isNext = this.first === undefined || (joins && this.#joining === 0 && this.#canJoin());
    if (isNext && !this.#isHeld && call.ready()) {
      return attempt(() => call.start());
    }
    return new Promise<T>((resolve, reject) => {
      const abort = (): void => {
        if (this.#remove(waiting)) waiting.fail(signal?.reason);
        this.advance();
      };
      // It is another call's end that starts it; but its arguments may have code of the caller's own.
      const context = new AsyncResource("latchdb.WaitingCall");
      const waiting: WaitingCall = {
        begins,
        suspends,
        isOfClosing,
        joins,
        since: performance.now(),
        ready: () => call.ready(),
        start: () => {
          signal?.removeEventListener("abort", abort);
          resolve(context.runInAsyncScope(() => attempt(() => call.start())));
        },
        fail: (error) => {
          signal?.removeEventListener("abort", abort);
          call.gaveUp?.();
          reject(error);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#calls.push(waiting);
      if (joins) this.#joining++;
    });
  }

  /** Puts something before all calls. */
  enterFirst(call: WaitingCall): void {
    this.#calls.unshift(call);
    this.advance();
  }

  /** Starts every call that can. */
  advance(): void {
    for (let next = this.#startable(); next !== undefined; next = this.#startable()) {
      this.#remove(next);
      next.start();
    }
    if (this.first !== undefined) return;
    this.#isBehind = this.#isHeld;
    this.#onEmpty?.();
  }

  /** Lets every call wait until `letGo`, whether it is ready or not. */
  hold(): void {
    this.#isHeld = true;
    this.#isBehind = true;
  }

  /** `advance` can start them again. */
  letGo(): void {
    this.#isHeld = false;
  }

  /** Resolves once nobody waits, if `advance` makes it so. */
  emptied(): Promise<void> {
    if (this.first === undefined) return Promise.resolve();
    return new Promise((resolve) => (this.#onEmpty = resolve));
  }

  /**
   * Ends all calls that `which` picks; they never start.
   * @returns how many of them somebody called for
   */
  fail(error: unknown, which: (call: WaitingCall) => boolean = () => true): number {
    const failing = this.#calls.filter(which);
    for (const call of failing) this.#remove(call);
    for (const call of failing) call.fail(error);
    return failing.filter((call) => !call.isOfClosing).length;
  }

  /** The call that can start now, if there is one. */
  #startable(): WaitingCall | undefined {
    if (this.#isHeld || this.first === undefined) return undefined;
    if (this.first.ready()) return this.first;
    if (this.#joining === 0 || !this.#canJoin()) return undefined;
    const joining = this.#calls.find(({ joins }) => joins);
    return joining?.ready() ? joining : undefined;
  }

  #remove(call: WaitingCall): boolean {
    const index = this.#calls.indexOf(call);
    if (index < 0) return false;
    this.#calls.splice(index, 1);
    if (call.joins) this.#joining--;
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
