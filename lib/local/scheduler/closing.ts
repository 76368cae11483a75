/** Closes a client: at once, or on another thread after its calls have finished. */
import { performance } from "node:perf_hooks";
import type { ShutdownOptions, ShutdownReport } from "../../../index.js";
import { errorOf } from "../../client/failure";
import { clearTimeout, setTimeout } from "../../client/timers";
import { nothingClosed, type Closed } from "../native/closing-answer";
import type { DatabaseOwner } from "../native/database";
import { clientClosed } from "../native/errors";
import type { Host } from "./host";

type Options = Required<ShutdownOptions>;

export class Closing implements DatabaseOwner {
  readonly #host: Host;
  /**
   * From "draining" on, calls are refused. "draining": earlier calls may finish. "ended": calls that
   * had not started have been ended.
   */
  #state: "open" | "draining" | "closing" | "ended" = "open";
  /** The result of `close()`, once that was called. */
  #closed: Closed | undefined;
  #shutdown: { report: Promise<ShutdownReport>; isSettled: boolean } | undefined;
  /** Timers that end the draining at the limits of further `shutdown` calls. */
  readonly #limits = new Set<NodeJS.Timeout>();
  /** Ends the wait for calls that have not been submitted. */
  #endWait: (() => void) | undefined;
  #wasClosedFromOutside = false;
  /** The client that has to be closed before this one is opened, because its suspension has the file. */
  #former: Closing | undefined;
  /** Whether reports count the former client: it was open when this one took its place. */
  readonly #isFormerCounted: boolean;
  /** The report on `#former`, once its shutdown has begun. */
  #formerEnd: Promise<ShutdownReport> | undefined;

  constructor(host: Host, former: Closing | undefined) {
    this.#host = host;
    this.#former = former;
    this.#isFormerCounted = former?.isClosed === false;
  }

  /** Whether the client was closed, or is being closed. */
  get isClosed(): boolean {
    return this.#state !== "open";
  }

  get isDraining(): boolean {
    return this.#state === "draining";
  }

  get isEnded(): boolean {
    return this.#state === "ended";
  }

  /** Whether `shutdownAll()` or the thread's host has closed the client, alone or with others. */
  get wasClosedFromOutside(): boolean {
    return this.#wasClosedFromOutside;
  }

  /** Closes the client: when this returns, nothing of the database is left open. Idempotent. */
  close(): void {
    if (this.#closed !== undefined) return;
    if (this.#state !== "ended") this.#state = "closing";
    const closed = (this.#closed = nothingClosed());
    try {
      Object.assign(closed, this.#host.database.close());
    } finally {
      closed.cancelled += this.#end(clientClosed());
      this.#endWait?.();
      this.#former?.close();
    }
  }

  /** Ends the client, whose database could not be opened. */
  fail(error: unknown): void {
    this.#closed ??= nothingClosed();
    this.#host.database.close();
    this.#closed.cancelled += this.#end(error);
    this.#endWait?.();
  }

  /**
   * Closes the client on another thread. With `drain`, calls that were made before may finish first,
   * for up to `timeoutMs`. Calls that wait to begin a transaction may not, because their owners could
   * not use it. Concurrent callers share one closing; the earliest of their limits counts.
   */
  shutdown(options: Options): Promise<ShutdownReport> {
    if (this.#shutdown === undefined) {
      this.#shutdown = { report: this.#report(options), isSettled: false };
    } else if (!this.#shutdown.isSettled) {
      if (options.drain) this.#limits.add(setTimeout(() => this.#hurry(), options.timeoutMs));
      else this.#hurry();
    }
    return this.#shutdown.report;
  }

  /** The same for `shutdownAll()` or the thread's host. */
  shutdownFromOutside(options: Options): Promise<ShutdownReport> {
    if (this.#closed === undefined && this.#shutdown?.isSettled !== true) {
      this.#wasClosedFromOutside = true;
    }
    return this.shutdown(options);
  }

  /** Closes the former client. A shutdown with `drain` that is under way is waited for. */
  async closeFormer(): Promise<void> {
    await this.#formerEnd?.catch(() => undefined);
    const former = this.#former;
    this.#former = undefined;
    former?.close();
  }

  /** Makes its error itself: the callers share this promise. */
  async #report(options: Options): Promise<ShutdownReport> {
    try {
      return await this.#runShutdown(options);
    } catch (failure) {
      const error = errorOf(failure);
      // The caller need not handle it. Only now: V8 follows a promise with one reaction, the caller's.
      this.#shutdown?.report.catch(() => undefined);
      throw error;
    } finally {
      if (this.#shutdown !== undefined) this.#shutdown.isSettled = true;
      for (const limit of this.#limits) clearTimeout(limit);
      this.#limits.clear();
    }
  }

  async #runShutdown(options: Options): Promise<ShutdownReport> {
    const began = performance.now();
    const { database } = this.#host;
    const answeredBefore = database.answered;
    this.#formerEnd = this.#former?.shutdown(options);
    this.#formerEnd?.catch(() => undefined);
    const { cancelled, ...closed } = this.#closed ?? (await this.#finish(options, began));
    const drained = database.answered - answeredBefore;
    const report = { path: database.path, drained, cancelled, ...closed };
    const former = await this.#formerEnd;
    const all = former !== undefined && this.#isFormerCounted ? add(former, report) : report;
    return { ...all, ms: performance.now() - began };
  }

  async #finish({ drain, timeoutMs }: Options, began: number): Promise<Closed> {
    const { database, queue, transactions } = this.#host;
    let forgotten = 0;
    const deadline = began + timeoutMs;
    if (drain) {
      this.#state = "closing";
      forgotten += queue.fail(clientClosed(), (call) => call.begins);
      // Transactions that nobody ends would block the calls that wait for their lanes.
      for (const transaction of transactions) transaction.abandon();
      this.#state = "draining";
      this.#host.abandonExplicit();
      await this.#allSubmitted(deadline);
    } else this.#state = "closing";
    const now = performance.now();
    if (this.#closed !== undefined) {
      // close() was called meanwhile. Answers may still be on their way.
      const { steps, cancelled, ...closed } = this.#closed;
      await database.settled();
      // Nothing of a database that was never opened was drained: its former client reports the step.
      const drained = database.number === 0 ? [] : [{ step: "drain", ms: now - began } as const];
      return { ...closed, cancelled: cancelled + forgotten, steps: [...drained, ...steps] };
    }
    const closing = database.closeInBackground({
      drain,
      timeoutMs: Math.max(0, deadline - now),
      drainedBeforeMs: now - began,
    });
    forgotten += this.#end(clientClosed());
    const closed = await closing;
    return { ...closed, cancelled: closed.cancelled + forgotten };
  }

  /** Waits until every call was submitted and no suspension is left, up to the deadline. */
  async #allSubmitted(deadline: number): Promise<void> {
    if (this.#areAllSubmitted) return;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      this.#endWait = resolve;
      timer = setTimeout(resolve, deadline - performance.now());
    });
    const submitted = (async () => {
      while (!this.#areAllSubmitted) {
        await this.#host.batches.settled();
        await this.#host.queue.emptied();
        await this.#host.suspension.latest;
      }
    })();
    await Promise.race([submitted, over]);
    clearTimeout(timer);
  }

  get #areAllSubmitted(): boolean {
    const { batches, queue, suspension } = this.#host;
    return !batches.areWriting && queue.first === undefined && suspension.latest === undefined;
  }

  /** Ends the draining. */
  #hurry(): void {
    this.#host.database.hurry();
    this.#endWait?.();
    this.#former?.shutdown({ drain: false, timeoutMs: 0 }).catch(() => undefined);
  }

  /** Ends the calls that have not started. Returns their number. */
  #end(reason: unknown): number {
    const { batches, patience, queue, suspension, transactions } = this.#host;
    let forgotten = this.#state === "ended" ? 0 : batches.unsent;
    this.#state = "ended";
    patience.stop();
    suspension.rejectOpening(reason);
    forgotten += queue.fail(reason);
    for (const transaction of transactions) forgotten += transaction.forget(reason);
    transactions.clear();
    return forgotten;
  }
}

/** Adds the report on the former client to that on its successor. */
function add(
  former: ShutdownReport,
  report: Omit<ShutdownReport, "ms">,
): Omit<ShutdownReport, "ms"> {
  return {
    path: report.path,
    drained: former.drained + report.drained,
    cancelled: former.cancelled + report.cancelled,
    connections: former.connections + report.connections,
    walLeft: report.walLeft || (report.connections === 0 && former.walLeft),
    steps: [...former.steps, ...report.steps],
  };
}
