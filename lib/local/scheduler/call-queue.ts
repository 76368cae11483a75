/** Calls that cannot start yet, in the order in which they were made. */
import { performance } from "node:perf_hooks";
import { AsyncContext } from "../../client/async-context";

/** How a call starts, or is cancelled before. */
export interface Call<T> {
  /** Ends the call while it waits. */
  readonly signal?: AbortSignal | undefined;
  /** Whether it begins a transaction. */
  readonly begins?: boolean;
  /** Whether it is a suspension, which waits until nothing runs and has a time limit of its own. */
  readonly suspends?: boolean;
  /** Whether it belongs to a closing, so that no report counts it. */
  readonly isOfClosing?: boolean;
  /** Whether it runs in the client's explicit transaction while that is open. */
  readonly joins?: boolean;
  /** Whether it can start now. */
  ready(): boolean;
  start(): Promise<T>;
  /** The call has ended without having started. */
  onCancelled?(): void;
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
 * A queue: the first call starts once it is ready, then the next one. While an explicit transaction is
 * open, the calls that join it overtake the others, which wait for its end.
 */
export class CallQueue {
  readonly #calls: WaitingCall[] = [];
  readonly #canJoin: () => boolean;
  /** The number of waiting calls that join. */
  #joining = 0;
  #onEmpty: (() => void) | undefined;
  /** "backlog": no longer held, but calls that were made since `hold` still wait. */
  #state: "flowing" | "held" | "backlog" = "flowing";

  /** @param canJoin whether an explicit transaction is open */
  constructor(canJoin: () => boolean = () => false) {
    this.#canJoin = canJoin;
  }

  /** The call that is next. */
  get first(): WaitingCall | undefined {
    return this.#calls[0];
  }

  /** Whether calls wait, or would wait, because the queue is or was held. */
  get hasBacklog(): boolean {
    return this.#state !== "flowing";
  }

  /** Starts a call now, if no other waits and it is ready, or lets it wait. */
  enter<T>(call: Call<T>): Promise<T> {
    const { signal, begins = false, suspends = false, isOfClosing = false, joins = false } = call;
    const isNext = this.first === undefined || (joins && this.#joining === 0 && this.#canJoin());
    if (isNext && this.#state !== "held" && call.ready()) {
      return attempt(() => call.start());
    }
    return new Promise<T>((resolve, reject) => {
      const abort = (): void => {
        if (this.#remove(waiting)) waiting.fail(signal?.reason);
        this.advance();
      };
      // The end of another call starts this one, which may run the caller's code to read arguments.
      const context = new AsyncContext("latchdb.WaitingCall");
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
          call.onCancelled?.();
          reject(error);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#calls.push(waiting);
      if (joins) this.#joining++;
    });
  }

  /** Adds a call of our own before all others. */
  enterFirst(call: { ready(): boolean; start(): void }): void {
    this.#calls.unshift({
      ...call,
      begins: false,
      suspends: false,
      isOfClosing: true,
      joins: false,
      since: performance.now(),
      fail: () => undefined,
    });
    this.advance();
  }

  /** Starts every call that can start. */
  advance(): void {
    for (let next = this.#startable(); next !== undefined; next = this.#startable()) {
      this.#remove(next);
      next.start();
    }
    if (this.first !== undefined) return;
    if (this.#state === "backlog") this.#state = "flowing";
    this.#onEmpty?.();
  }

  /** Lets every call wait until `release`, whether it is ready or not. */
  hold(): void {
    this.#state = "held";
  }

  /** Lets `advance` start calls again. */
  release(): void {
    if (this.#state === "held") this.#state = "backlog";
  }

  /** Resolves once no call waits, at the next `advance`. */
  emptied(): Promise<void> {
    if (this.first === undefined) return Promise.resolve();
    return new Promise((resolve) => (this.#onEmpty = resolve));
  }

  /**
   * Ends the calls that `which` selects. They never start.
   * @returns the number of these calls, without those of a closing
   */
  fail(error: unknown, which: (call: WaitingCall) => boolean = () => true): number {
    const failing = this.#calls.filter(which);
    for (const call of failing) this.#remove(call);
    for (const call of failing) call.fail(error);
    return failing.filter((call) => !call.isOfClosing).length;
  }

  #startable(): WaitingCall | undefined {
    if (this.#state === "held" || this.first === undefined) return undefined;
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

/** Converts an exception into a rejection. */
function attempt<T>(start: () => Promise<T>): Promise<T> {
  try {
    return start();
  } catch (error) {
    return Promise.reject(error);
  }
}
