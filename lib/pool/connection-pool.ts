/** The connections of one client: opened, closed, opened again. */
import type { IntMode } from "@libsql/core/api";
import type { ShutdownOptions, ShutdownReport } from "../../index.js";
import { cannotOpen, clientClosed, clientRetired, neverOpened } from "../native/errors";
import { absolutePath } from "../paths";
import { givenShutdownOptions } from "../shutdown-options";
import type { Calls } from "./calls";
import { Reopening } from "./reopening";
import { Scheduler } from "./scheduler";
import type { SuspensionOptions } from "./suspension";

/** How the connections of a pool are opened. */
export interface PoolOptions {
  /** Whether the path is SQLite's URI of an in-memory database. Default: false. */
  inMemory?: boolean;
  /** How long to wait for locks of other clients, in ms. Default: not at all. */
  timeout?: number | undefined;
  /** How integers are read. Default: "number". */
  intMode?: IntMode;
  /** Whether the connections can only read: writing is SQLITE_READONLY. Default: false. */
  readOnly?: boolean;
}

/**
 * The connections of one client. `createClient()` makes one; it is exported because
 * `@libsql/client/sqlite3` exports one.
 * @private
 */
export class ConnectionPool {
  /** Absolute, where it is a file's path: each opening finds the same file. */
  readonly #location: string;
  readonly #options: PoolOptions;
  readonly #maxConnections: number;
  #scheduler: Scheduler | undefined;
  /** Stands in for it between `reconnect()` and the opening. */
  #reopening: Reopening | undefined;
  #isClosedUnopened = false;
  #isRetired = false;
  /** Of a former opening. */
  #wasClosedFromOutside = false;

  /**
   * @param location the path of a file, relative to the working directory of this moment; the URI of an
   * in-memory database; or empty, for a temporary one
   * @param maxConnections how many connections may be open at a time
   * @throws LibsqlError SQLITE_CANTOPEN for a relative path where the working directory is gone
   */
  constructor(location: string, options: PoolOptions, maxConnections: number) {
    const isFile = options.inMemory !== true && location !== "";
    this.#location = isFile ? absolute(location) : location;
    this.#options = options;
    this.#maxConnections = maxConnections;
  }

  /**
   * Opens the database and its first connection, on the caller's thread.
   * @throws LibsqlError with SQLite's code where the file cannot be opened; CLIENT_CLOSED once it is
   * retired
   */
  open(): Scheduler {
    if (this.#isRetired) throw clientRetired();
    const { inMemory = false, timeout, intMode = "number", readOnly = false } = this.#options;
    const scheduler = new Scheduler(
      { location: this.#location, inMemory, timeout, intMode, readOnly },
      this.#maxConnections,
    );
    this.#forgetReopening();
    this.#scheduler = scheduler;
    return scheduler;
  }

  /**
   * What runs the calls while the pool is open.
   * @throws LibsqlError CLIENT_NEVER_OPENED, or CLIENT_CLOSED where it was closed before it opened
   */
  get calls(): Calls {
    const calls = this.#current;
    if (calls !== undefined) return calls;
    throw this.#isClosedUnopened ? clientClosed() : neverOpened();
  }

  get #current(): Calls | undefined {
    return this.#reopening ?? this.#scheduler;
  }

  /** The absolute path of its file; SQLite's URI of a database in memory; empty for a temporary one. */
  get path(): string {
    return this.#location;
  }

  /** How integers are read. */
  get intMode(): IntMode {
    return this.#options.intMode ?? "number";
  }

  /** Whether it was closed, or is being closed. */
  get isClosed(): boolean {
    return this.#current?.isClosed ?? this.#isClosedUnopened;
  }

  /** Whether it was ever closed by somebody who has not got the client: shutdownAll(), or a host. */
  get wasClosedFromOutside(): boolean {
    const now = [this.#scheduler, this.#reopening];
    return this.#wasClosedFromOutside || now.some((calls) => calls?.wasClosedFromOutside === true);
  }

  /** Closes everything: when this returns, nothing is left. Idempotent. */
  close(): void {
    this.#isClosedUnopened = true;
    this.#current?.close();
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
    return this.#current?.shutDown(given) ?? Promise.resolve(nothingOf(this.#location));
  }

  /** From now on it cannot be opened again: its file is about to go. What is open stays so. */
  retire(): void {
    this.#isRetired = true;
  }

  /**
   * Closes what is open and opens afresh.
   * @throws LibsqlError CLIENT_CLOSED once it is retired; SQLite's code
   */
  reopen(): void {
    if (this.#isRetired) throw clientRetired();
    this.close();
    this.open();
  }

  /**
   * The same, but not while the file is in the hands of a suspension's action: it waits for that, and what
   * is called meanwhile waits for it. Callers at the same time share one.
   * @throws LibsqlError CLIENT_CLOSED where `close()` or `shutdown()` is called meanwhile, or once it is
   * retired; SQLite's code where the file cannot be opened: then the waiting calls end in that, too
   */
  async reconnect(): Promise<void> {
    if (this.#reopening?.isClosed === false) return this.#reopening.ended;
    const former = this.#scheduler;
    if (former?.suspension === undefined) return this.reopen();
    // One that was closed opens nothing any more; but somebody may let it finish what it began.
    this.#reopening?.close();
    const reopening = new Reopening(former, () => this.open());
    this.#reopening = reopening;
    try {
      await reopening.ended;
    } finally {
      if (this.#reopening === reopening) this.#forgetReopening();
    }
  }

  #forgetReopening(): void {
    this.#wasClosedFromOutside = this.wasClosedFromOutside;
    this.#reopening = undefined;
  }

  /**
   * Runs an action while this client has no connection: no descriptor, no lock, no thread. It may
   * put another database in the place of the file.
   *
   * Calls that were made before end first, and so do open transactions, whose own calls go on. Calls
   * that are made later wait, without an error, and see what the action has left; they can be aborted.
   * A further suspension stands in line with them. The client does not count as closed.
   *
   * Then its database is opened again with all its settings, whether the action has succeeded or not:
   * this settles as the action does. Where it cannot be opened, the waiting calls end in that error, no
   * file is created, and each later call tries it again: it may be another program's lock, or a file
   * that is brought back. That does not make a failure of the action: what it has done is done.
   *
   * `close()` and `shutdown()` end the waiting calls in CLIENT_CLOSED at once, and the action itself goes
   * on; nothing is opened after it. `shutdown()` with `drain` waits for all of it up to its limit.
   *
   * @param action gets the absolute path of the file; it must not wait for a call of this client, which
   * would wait for it
   * @throws LibsqlError TRANSACTION_ACTIVE where something still runs, or a transaction is open, after
   * `timeoutMs`; CONNECTION_STATE where TEMP tables, attached databases or an exclusive lock would be
   * lost; NOT_A_FILE for a database in memory; CLIENT_CLOSED; SQLite's code where a connection could
   * not be closed. The action has not run then, and the client goes on as before.
   */
  async whileSuspended<T>(
    action: (file: string) => Promise<T>,
    options: SuspensionOptions,
  ): Promise<T> {
    return this.calls.whileSuspended(action, options);
  }
}

function absolute(path: string): string {
  try {
    return absolutePath(path);
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

function nothingOf(path: string): ShutdownReport {
  const nothing = { drained: 0, cancelled: 0, connections: 0 };
  return { path, ...nothing, walLeft: false, steps: [], ms: 0 };
}
