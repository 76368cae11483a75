/**
 * Suspensions: closes the connections of a client while an action replaces its file, and opens them
 * again. Calls that are made meanwhile wait in the client's queue.
 */
import { clearTimeout, LONGEST_MS, setTimeout } from "../../client/timers";
import type { NativeDatabase } from "../native/database";
import { clientClosed, hasConnectionState, notAFile, stillActive } from "../native/errors";
import type { CallQueue } from "./call-queue";
import type { Lanes } from "./lanes";
import type { Patience } from "./patience";

/** How a client is suspended. */
export interface SuspensionOptions {
  /**
   * How long to wait for earlier calls and open transactions, in ms, not counting earlier suspensions
   * of the same client.
   */
  timeoutMs: number;
  /** Ends the wait, but not the action once it runs. */
  signal?: AbortSignal | undefined;
}

/** The part of the scheduler that a suspension uses. */
export interface SuspensionHost {
  readonly database: NativeDatabase;
  readonly lanes: Lanes;
  readonly queue: CallQueue;
  readonly patience: Patience;
  /** Whether calls are refused, because the client was closed or is being closed. */
  readonly isClosed: boolean;
  /** Whether the calls of the client have ended with it. */
  readonly isEnded: boolean;
  /** Whether nothing runs and no transaction is open. */
  readonly isIdle: boolean;
  /** The number of open transactions. */
  readonly openTransactions: number;
  advance(): void;
}

export class Suspension {
  readonly #host: SuspensionHost;
  /** Settles with the latest suspension, including its wait. */
  #latest: Promise<void> | undefined;
  /** The database could not be opened again. The next call retries. */
  #hasFailedToResume = false;

  constructor(host: SuspensionHost) {
    this.#host = host;
  }

  /** Resolves with the latest suspension, whether it waits or runs; undefined if there is none. */
  get latest(): Promise<void> | undefined {
    return this.#latest;
  }

  /** Counts as a suspension until `ended` settles. */
  track(ended: Promise<unknown>): void {
    const settle = (): void => {
      if (this.#latest === settled) this.#latest = undefined;
    };
    const settled = ended.then(settle, settle);
    this.#latest = settled;
  }

  /** Implements `ConnectionPool.whileSuspended`. */
  run<T>(action: (file: string) => Promise<T>, options: SuspensionOptions): Promise<T> {
    const { queue, lanes, patience } = this.#host;
    const refused = this.#refusal(options.signal);
    if (refused !== undefined) return Promise.reject(refused.error);
    const wait = new Wait(options, this.#latest, () =>
      stillActive(this.#host.openTransactions, options.timeoutMs),
    );
    const ended = queue.enter({
      signal: wait.signal,
      suspends: true,
      // A pinned lane will be refused: then there is nothing to wait for.
      ready: () => lanes.pinned !== undefined || this.#host.isIdle,
      start: () => {
        wait.end();
        return this.#suspend(action);
      },
      onCancelled: () => {
        wait.end();
        // Calls behind a suspension are not watched.
        patience.watch();
      },
    });
    this.track(ended);
    return ended;
  }

  /** Retries to open the database if that has failed. Returns the reason if it fails again. */
  resumptionFailure(): { error: unknown } | undefined {
    if (!this.#hasFailedToResume) return undefined;
    try {
      this.#resume();
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  #refusal(signal: AbortSignal | undefined): { error: unknown } | undefined {
    if (this.#host.isClosed) return { error: clientClosed() };
    if (signal?.aborted) return { error: signal.reason };
    if (!this.#host.database.isFile) return { error: notAFile() };
    if (this.#host.lanes.pinned !== undefined) return { error: hasConnectionState() };
    return this.resumptionFailure();
  }

  async #suspend<T>(action: (file: string) => Promise<T>): Promise<T> {
    const { database, lanes, queue } = this.#host;
    if (lanes.pinned !== undefined) throw hasConnectionState();
    queue.hold();
    try {
      await database.suspend();
      // Nothing has been changed yet: if the client was closed meanwhile, the action does not run.
      if (this.#host.isEnded) throw clientClosed();
      return await action(database.path);
    } finally {
      if (!this.#host.isEnded) this.#goOn();
    }
  }

  /** Opens the database again and starts the calls that wait. */
  #goOn(): void {
    const { queue } = this.#host;
    try {
      this.#resume();
    } catch (error) {
      this.#hasFailedToResume = true;
      queue.fail(error);
    }
    queue.release();
    this.#host.advance();
  }

  #resume(): void {
    this.#host.database.resume();
    this.#host.lanes.reset();
    this.#hasFailedToResume = false;
  }
}

/** The wait for a suspension: until nothing of a client runs, the limit is reached, or an abort. */
class Wait {
  readonly #controller = new AbortController();
  readonly #given: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /**
   * @param earlier the suspension that has to end before the limit counts
   * @param error makes the error for the limit
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

  /** Aborts with the reason of the caller's signal, or with the error for the limit. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the wait: neither the limit nor the caller's signal has an effect any more. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#given?.removeEventListener("abort", this.#abort);
  }

  readonly #abort = (): void => this.#controller.abort(this.#given?.reason);
}
