/** The connections of one client: opened, closed, opened again. */
import type { IntMode } from "@libsql/core/api";
import type { ShutdownOptions, ShutdownReport } from "../../index.js";
import { clientClosed, neverOpened } from "../native/errors";
import { givenShutdownOptions } from "../shutdown-options";
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
  #isClosedUnopened = false;

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
  }

  /**
   * What runs the calls while the pool is open.
   * @throws LibsqlError CLIENT_NEVER_OPENED, or CLIENT_CLOSED where it was closed before it opened
   */
  get scheduler(): Scheduler {
    if (this.#scheduler !== undefined) return this.#scheduler;
    throw this.#isClosedUnopened ? clientClosed() : neverOpened();
  }

  /** Whether it was closed, or is being closed. */
  get isClosed(): boolean {
    return this.#scheduler?.isClosed ?? this.#isClosedUnopened;
  }

  /** Closes everything: when this returns, nothing is left. Idempotent. */
  close(): void {
    this.#isClosedUnopened = true;
    this.#scheduler?.close();
  }

  /** Closes everything off the event loop. Callers at the same time share one closing. */
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    let given: Required<ShutdownOptions>;
    try {
      given = givenShutdownOptions(options);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#isClosedUnopened = true;
    return this.#scheduler?.shutDown(given) ?? Promise.resolve(nothingOf(this.#location));
  }

  /** Closes what is open and opens afresh. */
  reopen(): void {
    this.close();
    this.open();
  }
}

function nothingOf(path: string): ShutdownReport {
  const nothing = { drained: 0, cancelled: 0, connections: 0 };
  return { path, ...nothing, walLeft: false, steps: [], ms: 0 };
}
