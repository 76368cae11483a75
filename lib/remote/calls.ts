/** The calls of one client: who may begin, how many run at a time, and what ends them. */
import type { CallSignal } from "../client/call-signal";
import { clientClosed } from "../client/errors";
import { currentTrace } from "../client/tracing";
import { clearTimeout, setTimeout } from "../client/timers";
import { TimedOut } from "./errors";
import { Retries } from "./retries";
import { Slots } from "./slots";

/** How a call is run. */
export interface RunOptions {
  signal?: CallSignal | undefined;
  /** How long the server may take, in ms; the client's own limit if it is undefined. */
  queryTimeout?: number | undefined;
  /** Whether it is one of the calls that `concurrency` counts. Those of a transaction are not. */
  takesSlot?: boolean;
  /** What it waits for before it begins to run: the earlier calls of its transaction. Must not reject. */
  after?: Promise<unknown>;
  /** Whether it may be carried out twice. */
  onlyReads?: boolean;
  /** Whether it may be sent again, where that is safe. Asked after each failure. Default: it may. */
  mayRetry?: () => boolean;
  /** Is given the call as soon as it is made, which may be long before it has a slot. */
  onCall?: (call: Call) => void;
  /** Whether it may run after the gate has shut: it belongs to the closing. */
  isOfClosing?: boolean;
}

/** One call, as those see it who send its requests. */
export class Call {
  /** Whether one of its requests was sent. */
  isSent = false;
  readonly #onEnd: (reason: unknown) => void;
  #controller: AbortController | undefined;
  #isEnded = false;
  #isSettled = false;

  constructor(onEnd: (reason: unknown) => void) {
    this.#onEnd = onEnd;
  }

  /** Whether it was ended before it had its answer. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Is aborted when the call is ended. */
  get abortSignal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isEnded) this.#controller.abort();
    return this.#controller.signal;
  }

  /** It has its answer: from now on it cannot be ended. */
  settle(): void {
    this.#isSettled = true;
  }

  /** Ends it: its promise rejects with the reason, whatever the server answers. */
  end(reason: unknown): void {
    if (this.#isEnded || this.#isSettled) return;
    this.#isEnded = true;
    this.#onEnd(reason);
    this.#controller?.abort();
  }
}

interface Limits {
  concurrency: number;
  /** How long to try to reach the server, in ms. */
  timeout: number;
  /** How long the server may take for a call, in ms; undefined for any time. */
  queryTimeout: number | undefined;
  /** The server's URL, for messages. */
  url: string;
}

export class Calls {
  readonly #limits: Limits;
  readonly #slots: Slots;
  readonly #active = new Set<Call>();
  readonly #onIdle = new Set<() => void>();
  #isClosed = false;
  /** The number of calls that were answered, with a result or an error. */
  answered = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#slots = new Slots(limits.concurrency);
  }

  /** The server's URL, without secrets. */
  get url(): string {
    return this.#limits.url;
  }

  /** The number of calls that have no answer: how many wait for a slot, and how many do not. */
  get pending(): { waiting: number; running: number } {
    const { waiting } = this.#slots;
    return { waiting, running: this.#active.size - waiting };
  }

  /** Whether no further calls may begin. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws Failure CLIENT_CLOSED */
  check(): void {
    if (this.#isClosed) throw clientClosed();
  }

  /** From now on, no call may begin. */
  shutGate(): void {
    this.#isClosed = true;
  }

  /** From now on, calls may begin again. */
  openGate(): void {
    this.#isClosed = false;
  }

  /** Ends all calls. Returns their number. */
  endAll(): number {
    const all = [...this.#active];
    for (const call of all) call.end(clientClosed());
    return all.length;
  }

  /** Resolves when no call is under way. */
  async idle(): Promise<void> {
    while (this.#active.size > 0) {
      await new Promise<void>((resolve) => void this.#onIdle.add(resolve));
    }
  }

  /**
   * Runs a call as soon as it may. `action` is repeated where that is safe.
   * @throws Failure CLIENT_CLOSED, SQLITE_INTERRUPT after `queryTimeout`; the signal's reason; what the
   * action throws
   */
  run<T>(action: (call: Call) => Promise<T>, options: RunOptions = {}): Promise<T> {
    if (options.isOfClosing !== true) this.check();
    options.signal?.throwIfAborted();
    return new Promise<T>((resolve, reject) => {
      this.#run(action, options, resolve, reject);
    });
  }

  #run<T>(
    action: (call: Call) => Promise<T>,
    options: RunOptions,
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
  ): void {
    const { signal, queryTimeout = this.#limits.queryTimeout, takesSlot = true, after } = options;
    const trace = currentTrace();
    let timer: NodeJS.Timeout | undefined;
    let hasSlot = false;
    const done = (): void => {
      this.#active.delete(call);
      trace?.ended();
      if (abort !== undefined) signal?.remove(abort);
      clearTimeout(timer);
      if (hasSlot) this.#slots.give();
      else if (takesSlot) this.#slots.leave(start);
      if (this.#active.size > 0) return;
      for (const heard of this.#onIdle) heard();
      this.#onIdle.clear();
    };
    const call = new Call((reason) => {
      done();
      reject(reason);
    });
    const settle = (answer: () => void): void => {
      if (call.isEnded) return;
      call.settle();
      this.answered++;
      done();
      answer();
    };
    const start = (): void => {
      if (call.isEnded) return;
      hasSlot = takesSlot;
      trace?.begins("server");
      if (queryTimeout !== undefined) {
        const limit = (): void =>
          call.end(new TimedOut(queryTimeout, this.#limits.url, call.isSent));
        timer = setTimeout(limit, queryTimeout);
      }
      this.#attempts(call, action, options).then(
        (value) => settle(() => resolve(value)),
        (reason: unknown) => settle(() => reject(reason)),
      );
    };
    this.#active.add(call);
    options.onCall?.(call);
    const abort = signal && ((): void => call.end(signal.reason));
    if (abort !== undefined) signal?.add(abort);
    if (call.isEnded) return;
    if (after !== undefined) void after.then(start);
    else if (!takesSlot || this.#slots.tryTake()) start();
    else this.#slots.wait(start);
  }

  async #attempts<T>(
    call: Call,
    action: (call: Call) => Promise<T>,
    { onlyReads = false, mayRetry }: RunOptions,
  ): Promise<T> {
    let retries: Retries | undefined;
    for (;;) {
      try {
        return await action(call);
      } catch (failure) {
        if (call.isEnded || mayRetry?.() === false) throw failure;
        retries ??= new Retries(onlyReads, this.#limits.timeout);
        const pause = retries.next(failure);
        if (pause === undefined) throw failure;
        if (pause > 0) await new Promise<void>((resolve) => void setTimeout(resolve, pause));
        if (call.isEnded) throw failure;
      }
    }
  }
}
