/** The connections of one client: opened, closed, opened again. */
import type { IntMode } from "@libsql/core/api";
import type { Closed } from "../native/database";
import { clientClosed, neverOpened } from "../native/errors";
import { Scheduler } from "./scheduler";

/** How the connections of a pool are opened. */
export interface PoolOptions {
  /** Whether the path is SQLite's URI of an in-memory database. Default: false. */
  inMemory?: boolean;
  /** How long to wait for locks of other clients, in ms. Default: not at all. */
  timeout?: number | undefined;
  /** How integers are read. Default: "number". */
  intMode?: IntMode;
}

/** What `shutdown()` is given. */
export interface ShutdownOptions {
  /** Whether what was called before is let finish first. Default: false. */
  drain?: boolean;
  /** How long to drain, in ms; what is left then is cancelled. Default: 10,000. */
  timeoutMs?: number;
}

/** What `shutdown()` reports. */
export interface ShutdownReport extends Closed {
  /** How long it took, in ms. */
  ms: number;
}

/**
 * The connections of one client. `createClient()` makes one; it is exported because
 * `@libsql/client/sqlite3` exports one.
 * @private
 */
export class ConnectionPool {
  readonly #location: string;
  readonly #options: PoolOptions;
  readonly #maxConnections: number;
  #scheduler: Scheduler | undefined;
  #closed = false;
  #shutdown: Promise<ShutdownReport> | undefined;

  /**
   * @param location the path of a file, or the URI of an in-memory database
   * @param maxConnections how many connections may be open at a time
   */
  constructor(location: string, options: PoolOptions, maxConnections: number) {
    this.#location = location;
    this.#options = options;
    this.#maxConnections = maxConnections;
  }

  /**
   * Opens the database and its first connection, on the caller's thread.
   * @throws LibsqlError with SQLite's code where the file cannot be opened
   */
  open(): void {
    const { inMemory = false, timeout, intMode = "number" } = this.#options;
    this.#scheduler = new Scheduler(
      { location: this.#location, inMemory, timeout, intMode },
      this.#maxConnections,
    );
    this.#closed = false;
    this.#shutdown = undefined;
  }

  /**
   * What runs the calls while the pool is open.
   * @throws LibsqlError CLIENT_NEVER_OPENED, or CLIENT_CLOSED where it was closed before it opened
   */
  get scheduler(): Scheduler {
    if (this.#scheduler !== undefined) return this.#scheduler;
    throw this.#closed ? clientClosed() : neverOpened();
  }

  /** Closes everything: when this returns, nothing is left. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#scheduler?.close();
  }

  /** Closes everything off the event loop. Callers at the same time share one closing. */
  shutdown(options: ShutdownOptions): Promise<ShutdownReport> {
    this.#shutdown ??= this.#shutDown(options);
    return this.#shutdown;
  }

  /** Closes what is open and opens afresh. */
  reopen(): void {
    this.close();
    this.open();
  }

  async #shutDown({ drain = false, timeoutMs = 10_000 }: ShutdownOptions): Promise<ShutdownReport> {
    const began = performance.now();
    const wasClosed = this.#closed || this.#scheduler === undefined;
    this.#closed = true;
    const closed = wasClosed
      ? { cancelled: 0, walLeft: false }
      : await this.scheduler.shutDown(drain, timeoutMs);
    return { ...closed, ms: performance.now() - began };
  }
}
