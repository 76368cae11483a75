/**
 * Suspensions: closes the connections of a client while an action replaces its file, and opens them
 * again. Calls that are made meanwhile wait in the client's queue.
 */
import { CallSignal } from "../../client/call-signal";
import { parseSignal } from "../../client/options";
import type { Failure } from "../../client/failure";
import { clearTimeout, LONGEST_MS, setTimeout } from "../../client/timers";
import { clientClosed, hasConnectionState, notAFile, stillActive } from "../native/errors";
import type { Closing } from "./closing";
import type { Host } from "./host";

/** How a client is suspended. */
export interface SuspensionOptions {
  /**
   * How long to wait for earlier calls and open transactions, in ms, not counting earlier suspensions
   * of the same client.
   */
  timeoutMs: number;
  /** Ends the wait, but not the action once it runs. */
  signal?: AbortSignal | CallSignal | undefined;
}

/** A client whose suspension has the file. */
type Former = Pick<Host, "database" | "suspension">;

export class Suspension {
  readonly #host: Host;
  readonly #closing: Closing;
  /** Settles with the latest suspension, including its wait. */
  #latest: Promise<void> | undefined;
  /** The database could not be opened again. The next call retries. */
  #hasFailedToResume = false;

  /** A delayed opening, until it has succeeded. */
  #opening: { promise: Promise<void>; reject(error: unknown): void } | undefined;

  constructor(host: Host, closing: Closing) {
    this.#host = host;
    this.#closing = closing;
  }

  /** Resolves with the latest suspension, whether it waits or runs; undefined if there is none. */
  get latest(): Promise<void> | undefined {
    return this.#latest;
  }

  /** A delayed opening, until it has succeeded; rejected if the client is closed before. */
  get opening(): Promise<void> | undefined {
    return this.#opening?.promise;
  }

  rejectOpening(reason: unknown): void {
    this.#opening?.reject(reason);
  }

  /**
   * Opens the database after the suspension of a former client, which is closed then. Until that, the
   * client is suspended: its calls wait.
   * @param check throws if the client may not be opened any more
   */
  openAfter({ database: former, suspension }: Former, check: () => void): void {
    const { database, lanes, queue } = this.#host;
    let settle!: { resolve(): void; reject(error: unknown): void };
    const promise = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
    this.#opening = { promise, ...settle };
    database.takePlaceOf(former);
    queue.hold();
    const open = async (): Promise<void> => {
      while (suspension.latest !== undefined) await suspension.latest;
      await this.#closing.closeFormer();
      if (this.#closing.isEnded) return;
      check();
      database.open();
      lanes.refresh();
      queue.release();
      this.#host.advance();
      if (this.#closing.isClosed) settle.reject(clientClosed());
      else settle.resolve();
      this.#opening = undefined;
    };
    this.#track(open().catch((error: unknown) => this.#closing.fail(error)));
  }

  /** Implements `ConnectionPool.whileSuspended`. */
  run<T>(action: (file: string) => Promise<T>, options: SuspensionOptions): Promise<T> {
    const { queue, lanes, patience } = this.#host;
    const { timeoutMs } = options;
    const signal = parseSignal(options);
    const refused = this.#refusal(signal);
    if (refused !== undefined) return Promise.reject(refused.error);
    const wait = new Wait(timeoutMs, signal, this.#latest, () =>
      stillActive(this.#openTransactions, timeoutMs),
    );
    const ended = queue.enter({
      signal: wait.signal,
      suspends: true,
      // A pinned lane will be refused: then there is nothing to wait for.
      ready: () => lanes.isPinned || this.#isIdle,
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
    this.#track(ended);
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

  /** One that is cancelled while it waits does not hide the earlier one that still runs. */
  #track(ended: Promise<unknown>): void {
    const settle = (): void => {
      if (this.#latest === settled) this.#latest = undefined;
    };
    const settled = Promise.allSettled([this.#latest, ended]).then(settle);
    this.#latest = settled;
  }

  /** Whether nothing runs and no transaction is open. */
  get #isIdle(): boolean {
    const { batches, lanes } = this.#host;
    return this.#openTransactions === 0 && !batches.areWriting && lanes.areDone;
  }

  get #openTransactions(): number {
    return this.#host.transactions.size + Number(this.#host.explicit.isOpen);
  }

  #refusal(signal: CallSignal | undefined): { error: unknown } | undefined {
    if (this.#closing.isClosed) return { error: clientClosed() };
    if (signal?.aborted) return { error: signal.reason };
    if (!this.#host.database.isFile) return { error: notAFile() };
    if (this.#host.lanes.isPinned) return { error: hasConnectionState() };
    return this.resumptionFailure();
  }

  async #suspend<T>(action: (file: string) => Promise<T>): Promise<T> {
    const { database, lanes, queue } = this.#host;
    if (lanes.isPinned) throw hasConnectionState();
    queue.hold();
    try {
      await database.suspend();
      // Nothing has been changed yet: if the client was closed meanwhile, the action does not run.
      if (this.#closing.isEnded) throw clientClosed();
      return await action(database.path);
    } finally {
      if (!this.#closing.isEnded) this.#goOn();
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
    this.#host.lanes.refresh();
    this.#hasFailedToResume = false;
  }
}

/** The wait for a suspension: until nothing of a client runs, the limit is reached, or an abort. */
class Wait {
  readonly #controller = new AbortController();
  readonly #given: CallSignal | undefined;
  /** Aborts with the reason of the caller's signal, or with the error for the limit. */
  readonly signal: CallSignal;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /**
   * @param signal the caller's
   * @param earlier the suspension that has to end before the limit counts
   * @param error makes the error for the limit
   */
  constructor(
    timeoutMs: number,
    signal: CallSignal | undefined,
    earlier: Promise<void> | undefined,
    error: () => Failure,
  ) {
    this.#given = signal;
    this.signal = CallSignal.of(this.#controller.signal);
    signal?.add(this.#abort);
    const limit = Math.min(Math.max(timeoutMs, 0), LONGEST_MS);
    const count = (): void => {
      if (this.#isOver) return;
      this.#timer = setTimeout(() => this.#controller.abort(error()), limit);
    };
    if (earlier === undefined) count();
    else void earlier.then(count);
  }

  /** Ends the wait: neither the limit nor the caller's signal has an effect any more. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#given?.remove(this.#abort);
  }

  readonly #abort = (): void => this.#controller.abort(this.#given?.reason);
}
