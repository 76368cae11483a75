/** Lets the transactions inside of one transaction take turns: a connection has one stack of savepoints. */
import { LibsqlError } from "@libsql/core/api";
import type { CallSignal } from "./call-signal";
import { Failure } from "./failure";
import { clearTimeout, setTimeout } from "./timers";

/** What has the turn. */
export interface Holder {
  /** For how long it has been idle, in ms, counted from `since` at the earliest. */
  idleFor(since: number): number;
}

interface Waiting<H> {
  holder: H;
  start: () => void;
  fail: (reason: unknown) => void;
}

export class Turns<H extends Holder> {
  readonly #patienceMs: number;
  readonly #waiting = new Set<Waiting<H>>();
  readonly #onIdle = new Set<() => void>();
  #holder: H | undefined;

  /** @param patienceMs how long to wait for one that is idle: it may itself wait for the waiting one */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** What has the turn now. */
  get holder(): H | undefined {
    return this.#holder;
  }

  /**
   * Waits for the turn. `give` must follow.
   * @throws Failure TRANSACTION_ACTIVE; the signal's reason; what `fail` was called with
   */
  async take(holder: H, signal: CallSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#holder === undefined) {
      this.#holder = holder;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const since = performance.now();
      let timer: NodeJS.Timeout;
      const leave = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        signal?.remove(abort);
      };
      const fail = (reason: unknown): void => {
        leave();
        reject(reason);
      };
      const start = (): void => {
        leave();
        resolve();
      };
      const abort = (): void => fail(signal?.reason);
      const look = (): void => {
        const idleMs = this.#holder?.idleFor(since) ?? 0;
        if (idleMs >= this.#patienceMs) return fail(siblingIdle(idleMs));
        timer = setTimeout(look, Math.max(1, this.#patienceMs - idleMs));
      };
      const waiting = { holder, start, fail };
      this.#waiting.add(waiting);
      look();
      signal?.add(abort);
    });
  }

  /** Gives the turn to the next one. */
  give(): void {
    const [next] = this.#waiting;
    this.#holder = next?.holder;
    if (next !== undefined) return next.start();
    for (const heard of this.#onIdle) heard();
    this.#onIdle.clear();
  }

  /** Ends all waits. */
  fail(reason: unknown): void {
    for (const { fail } of this.#waiting) fail(reason);
  }

  /** Resolves once nothing has the turn. Undefined where nothing has it. */
  idle(): Promise<void> | undefined {
    if (this.#holder === undefined) return undefined;
    return new Promise((resolve) => void this.#onIdle.add(resolve));
  }
}

/** For a transaction that waits for another one in the same transaction, which does nothing. */
function siblingIdle(idleMs: number): Failure {
  return new Failure(
    () =>
      new LibsqlError(
        "Another transaction inside of this one is open, and has been idle for " +
          `${Math.round(idleMs)} ms. Call transaction() of that one, or let it end before.`,
        "TRANSACTION_ACTIVE",
      ),
  );
}
