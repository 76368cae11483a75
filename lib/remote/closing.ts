/** Closes a remote client: at once, or after its calls have finished. */
import type { ClosingStep, ShutdownOptions, ShutdownReport } from "../../index.js";
import { builtin } from "../client/builtin";
import { parseShutdownOptions } from "../client/options";
import { clearTimeout, setTimeout } from "../client/timers";
import type { Calls } from "./calls";
import { register, unregister, type Closable } from "./open-clients";
import type { Server } from "./server";

/** What a closing needs of a transaction. */
interface Endable {
  abandon(): Promise<void>;
  close(): void;
}

/** What it needs of an open iterator. */
interface Abandonable {
  abandon(): void;
}

interface Host {
  readonly server: Server;
  readonly calls: Calls;
  readonly transactions: ReadonlySet<Endable>;
  readonly iterators: ReadonlySet<Abandonable>;
}

/** The messages of closings, `{ path, step, ms }`, where the runtime has such channels. */
const messages = builtin("node:diagnostics_channel")?.channel("latchdb:close");

export class Closing implements Closable {
  readonly #host: Host;
  #shutdown: { report: Promise<ShutdownReport>; hurry: () => void } | undefined;
  #isClosed = false;
  #steps: ClosingStep[] = [];
  #cancelled = 0;
  #connections = 0;

  constructor(host: Host) {
    this.#host = host;
    register(this);
  }

  /** The name of the client in reports. */
  get path(): string {
    return this.#host.server.url;
  }

  /** Closes the client: its calls and transactions are over when this returns. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { calls, server, transactions, iterators } = this.#host;
    calls.shutGate();
    this.#step("cancel", () => {
      this.#cancelled = calls.endAll();
      for (const transaction of transactions) transaction.close();
      for (const iterator of iterators) iterator.abandon();
    });
    this.#step("close", () => {
      this.#connections = server.connections;
      server.close();
    });
    unregister(this);
    this.#shutdown?.hurry();
  }

  /** Opens a closed client again. */
  reopen(): void {
    this.#isClosed = false;
    this.#shutdown = undefined;
    this.#host.calls.openGate();
    register(this);
  }

  /**
   * Closes the client. With `drain`, calls that were made before may finish first, for up to `timeoutMs`, and
   * open transactions are rolled back behind them. Simultaneous callers share one closing and its report; the
   * earliest of their limits counts.
   */
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    const { drain, timeoutMs } = parseShutdownOptions(options);
    if (this.#shutdown === undefined) {
      const { promise: over, resolve: hurry } = deferred();
      this.#shutdown = { report: this.#run(drain, over), hurry };
    }
    const { hurry, report } = this.#shutdown;
    if (!drain) hurry();
    else limit(timeoutMs, hurry, report);
    return report;
  }

  async #run(drain: boolean, over: Promise<void>): Promise<ShutdownReport> {
    const began = performance.now();
    const { calls } = this.#host;
    const answeredBefore = calls.answered;
    const wasClosed = this.#isClosed;
    this.#steps = [];
    if (drain && !wasClosed) {
      calls.shutGate();
      const abandoned = [...this.#host.transactions].map((transaction) => transaction.abandon());
      await Promise.race([Promise.all([...abandoned, calls.idle()]), over]);
      this.#publish({ step: "drain", ms: performance.now() - began });
    }
    this.close();
    return {
      path: this.path,
      drained: wasClosed ? 0 : calls.answered - answeredBefore,
      cancelled: wasClosed ? 0 : this.#cancelled,
      connections: wasClosed ? 0 : this.#connections,
      walLeft: false,
      steps: [...this.#steps],
      ms: performance.now() - began,
    };
  }

  #step(step: ClosingStep["step"], action: () => void): void {
    const began = performance.now();
    action();
    this.#publish({ step, ms: performance.now() - began });
  }

  #publish(step: ClosingStep): void {
    this.#steps.push(step);
    if (messages?.hasSubscribers) messages.publish({ path: this.path, ...step });
  }
}

/** Ends the draining after a time, unless it has ended. */
function limit(timeoutMs: number, hurry: () => void, report: Promise<unknown>): void {
  const timer = setTimeout(hurry, timeoutMs);
  const clear = (): void => clearTimeout(timer);
  report.then(clear, clear);
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((given) => (resolve = given));
  return { promise, resolve };
}
