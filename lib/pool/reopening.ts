/**
 * A client between `reconnect()` and its opening, where a suspension's action has the file: what is called
 * meanwhile waits, and goes on with the client that is opened then.
 */
import { performance } from "node:perf_hooks";
import type { ResultSet, TransactionMode } from "@libsql/core/api";
import type { ShutdownOptions, ShutdownReport } from "../../index.js";
import { clientClosed } from "../native/errors";
import { clearTimeout, setTimeout } from "../timers";
import type { StatementToWrite } from "../wire/request";
import { CallLine } from "./call-line";
import type { Calls } from "./calls";
import type { OpenTransaction } from "./open-transaction";
import type { Batch } from "./requests";
import type { Scheduler } from "./scheduler";
import type { SuspensionOptions } from "./suspension";

/** Those that wait: who closes everything must find them, too. */
const pending = new Set<Reopening>();

/** All that wait in this environment. */
export function pendingReopenings(): Reopening[] {
  return [...pending];
}

/** See the module's own text. */
export class Reopening implements Calls {
  readonly former: Scheduler;
  /** Resolves once it is open; rejects where it was closed meanwhile, or cannot be opened. */
  readonly ended: Promise<void>;
  readonly #wasClosed: boolean;
  readonly #line = new CallLine();
  /** What is open now. */
  #opened: Scheduler | undefined;
  /** Nothing can be called any more. */
  #isClosed = false;
  /** It was opened, or never will be. */
  #isOver = false;
  #settle: { resolve(): void; reject(error: unknown): void } | undefined;
  #endWaiting: (() => void) | undefined;
  /** Ends the draining, at the limits that further callers of shutDown() have set. */
  readonly #limits = new Set<NodeJS.Timeout>();
  #shutdown: Promise<ShutdownReport> | undefined;
  #formerEnd: Promise<ShutdownReport> | undefined;
  /** How many calls have ended without having begun. */
  #cancelled = 0;
  #wasClosedFromOutside = false;

  /**
   * @param former what was open before, or was closed since, and whose suspension has the file
   * @param open opens it anew; what is called from then on does not come here any more
   */
  constructor(former: Scheduler, open: () => Scheduler) {
    this.former = former;
    this.#wasClosed = former.isClosed;
    this.#line.hold();
    pending.add(this);
    this.ended = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    void this.#reopen(open);
  }

  /** The path of its file. */
  get path(): string {
    return this.former.database.path;
  }

  // --- the opening ------------------------------------------------------------------------------

  async #reopen(open: () => Scheduler): Promise<void> {
    try {
      while (this.former.suspension !== undefined) await this.former.suspension;
      // A draining of it is not cut short.
      await this.#formerEnd?.catch(() => undefined);
      this.former.close();
      if (this.#isOver) throw clientClosed();
      this.#opened = open();
    } catch (error) {
      return this.fail(error);
    }
    this.#end();
    // Those who have waited go on, in their order.
    this.#opened.admit(() => {
      this.#line.letGo();
      this.#line.advance();
    });
    if (this.#isClosed) this.#settle?.reject(clientClosed());
    else this.#settle?.resolve();
  }

  /** Nothing is opened: those who wait end in this error. */
  fail(error: unknown): void {
    this.#isClosed = true;
    this.#end();
    this.#cancelled += this.#line.fail(error);
    this.#settle?.reject(error);
  }

  #end(): void {
    pending.delete(this);
    this.#isOver = true;
    this.#endWaiting?.();
  }

  // --- calls ------------------------------------------------------------------------------------

  check(): void {
    if (this.#isClosed) throw clientClosed();
  }

  execute(statement: StatementToWrite, signal: AbortSignal | undefined): Promise<ResultSet> {
    return this.#wait(signal, (opened) => opened.execute(statement, signal));
  }

  batch(batch: Batch, signal: AbortSignal | undefined): Promise<ResultSet[]> {
    return this.#wait(signal, (opened) => opened.batch(batch, signal));
  }

  executeMultiple(sql: string, signal: AbortSignal | undefined): Promise<void> {
    return this.#wait(signal, (opened) => opened.executeMultiple(sql, signal));
  }

  begin(mode: TransactionMode, signal: AbortSignal | undefined): Promise<OpenTransaction> {
    return this.#wait(signal, (opened) => opened.begin(mode, signal), { begins: true });
  }

  whileSuspended<T>(action: (file: string) => Promise<T>, options: SuspensionOptions): Promise<T> {
    return this.#wait(options.signal, (opened) => opened.whileSuspended(action, options));
  }

  #wait<T>(
    signal: AbortSignal | undefined,
    start: (opened: Calls) => Promise<T>,
    { begins = false } = {},
  ): Promise<T> {
    if (this.#isClosed) return Promise.reject(clientClosed());
    if (signal?.aborted) return Promise.reject(signal.reason);
    return this.#line.enter({
      signal,
      begins,
      ready: () => true,
      start: () =>
        this.#opened === undefined ? Promise.reject(clientClosed()) : start(this.#opened),
    });
  }

  // --- the end ----------------------------------------------------------------------------------

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get wasClosedFromOutside(): boolean {
    return this.#wasClosedFromOutside;
  }

  /** Closes what was open before, and has nothing opened any more. */
  close(): void {
    this.fail(clientClosed());
    this.former.close();
  }

  /**
   * Closes what was open, and what is opened yet: with `drain` that is opened first, for those who wait.
   * Callers at the same time share one closing; one without `drain` ends the waiting at once, and of the
   * others the earliest limit counts.
   */
  shutDown(options: Required<ShutdownOptions>): Promise<ShutdownReport> {
    if (this.#shutdown === undefined) {
      this.#shutdown = this.#shutDown(options);
      this.#shutdown.finally(() => this.#forgetLimits()).catch(() => undefined);
    } else if (options.drain) {
      this.#limits.add(setTimeout(() => this.#hurry(), options.timeoutMs));
    } else {
      this.close();
    }
    return this.#shutdown;
  }

  /** Ends the draining, wherever it is. */
  #hurry(): void {
    const atOnce = { drain: false, timeoutMs: 0 };
    for (const one of [this.former, this.#opened]) one?.shutDown(atOnce).catch(() => undefined);
    this.#endWaiting?.();
  }

  #forgetLimits(): void {
    for (const limit of this.#limits) clearTimeout(limit);
    this.#limits.clear();
  }

  shutDownFromOutside(options: Required<ShutdownOptions>): Promise<ShutdownReport> {
    this.#wasClosedFromOutside = true;
    return this.shutDown(options);
  }

  async #shutDown({ drain, timeoutMs }: Required<ShutdownOptions>): Promise<ShutdownReport> {
    const began = performance.now();
    this.#formerEnd = this.former.shutDown({ drain, timeoutMs });
    if (drain) {
      this.#isClosed = true;
      // Nobody could go on with a transaction.
      this.#cancelled += this.#line.fail(clientClosed(), (call) => call.begins);
      if (!this.#isOver) await this.#overWithin(timeoutMs);
    }
    this.fail(clientClosed());
    const left = Math.max(0, timeoutMs - (performance.now() - began));
    const opened = await this.#opened?.shutDown({ drain, timeoutMs: left });
    const former = await this.#formerEnd;
    const closed = [this.#wasClosed ? undefined : former, opened].filter(isThere);
    return {
      path: former.path,
      drained: sum(closed.map(({ drained }) => drained)),
      cancelled: sum(closed.map(({ cancelled }) => cancelled)) + this.#cancelled,
      connections: sum(closed.map(({ connections }) => connections)),
      walLeft: closed.at(-1)?.walLeft ?? false,
      steps: closed.flatMap(({ steps }) => steps),
      ms: performance.now() - began,
    };
  }

  async #overWithin(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#endWaiting = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
