/** Opens, closes and reopens the database of one client. */
import { availableParallelism } from "node:os";
import type { IntMode } from "@libsql/core/api";
import type {
  Checkpoints,
  Execution,
  Limits,
  RowMode,
  ShutdownOptions,
  ShutdownReport,
} from "../../index.js";
import {
  parseConcurrency,
  parseExecution,
  parseAdoptVectorIndexes,
  parseMaxQueue,
  parseCheckpoints,
  parseGroupCommit,
  parseReaders,
  parseRowMode,
  parseTimeout,
} from "../client/config";
import { errorOf } from "../client/failure";
import { parseLocalOptions } from "../client/local-options";
import type { Converters } from "../client/converters";
import { parseShutdownOptions } from "../client/options";
import { nothingClosed } from "./native/closing-answer";
import { cannotOpen, clientClosed, clientRetired, neverOpened } from "./native/errors";
import { absolutePath } from "./native/paths";
import { Scheduler, type SchedulerOptions } from "./scheduler/scheduler";
import type { SuspensionOptions } from "./scheduler/suspension";

/** The most reader lanes by default: more have to share the disk. */
const READERS = 4;
/** The most reader lanes. */
const MOST_READERS = 64;

/** The number of reader lanes beside so many connections. */
function readersOf(option: unknown, maxConnections: number): number {
  const asked = parseReaders(option);
  if (asked !== undefined) return Math.min(asked, MOST_READERS);
  return maxConnections === 1 ? 0 : Math.min(availableParallelism(), READERS);
}

/** How the connections of a pool are opened. */
export interface PoolOptions {
  /** Whether the path is SQLite's URI of an in-memory database. Default: false. */
  inMemory?: boolean;
  /** How long to wait for other processes and other clients' idle transactions, in ms. Default: 0. */
  timeout?: number | undefined;
  /** How integers are read. Default: "number". */
  intMode?: IntMode;
  /** What rows are. Default: "row". */
  rowMode?: RowMode | undefined;
  /** Where calls run. Default: "auto". */
  execution?: Execution | undefined;
  /** How many connections only read. Default: by the number of processors. */
  readers?: number | undefined;
  /** Whether writes that wait behind each other are committed together. Default: true. */
  groupCommit?: boolean | undefined;
  /** What makes checkpoints. Default: "background". */
  checkpoints?: Checkpoints | undefined;
  /** How long to wait for a connection for a transaction, in ms. Default: as for an idle transaction. */
  acquireTimeout?: number | undefined;
  /** The most unanswered calls outside of transactions. Default: no limit. */
  maxQueue?: number | undefined;
  /** Whether vector indexes that libSQL has made are taken over. Default: false. */
  adoptVectorIndexes?: boolean | undefined;
  /** Whether the connections can only read: writing fails with SQLITE_READONLY. Default: false. */
  readOnly?: boolean | undefined;
  /** Whether a missing file is an error, and not created. Default: false. */
  fileMustExist?: boolean | undefined;
  /** Whether the arguments of a statement have to be those of its parameters. Default: false. */
  strict?: boolean | undefined;
  /** What values of declared types become. Default: what SQLite has. */
  converters?: Converters | undefined;
  /** SQLite's limits of each connection. Default: SQLite's. */
  limits?: Limits | undefined;
  /** The content of a database in memory. Default: none. */
  data?: Uint8Array | undefined;
  /** How long a statement may run, in ms. Default: for any time. */
  queryTimeout?: number | undefined;
}

/**
 * The connections of one client. `createClient()` makes one. It is exported because
 * `@libsql/client/sqlite3` exports one.
 * @private
 */
export class ConnectionPool {
  /** Its location is absolute if it is the path of a file, so that each opening finds the same file. */
  readonly #options: SchedulerOptions;
  readonly #maxConnections: number;
  #scheduler: Scheduler | undefined;
  #isClosedUnopened = false;
  #isRetired = false;
  /** The same of former openings. */
  #wasClosedFromOutside = false;

  /**
   * @param location the path of a file, relative to the current working directory; the URI of an
   * in-memory database; or empty, for a temporary one
   * @param maxConnections the most connections that are open at a time
   * @throws LibsqlError SQLITE_CANTOPEN for a relative path if the working directory no longer exists;
   * TypeError, RangeError for an invalid option
   */
  constructor(location: string, options: PoolOptions, maxConnections: number) {
    const { inMemory = false } = options;
    const local = parseLocalOptions(options);
    this.#maxConnections = parseConcurrency(maxConnections);
    this.#options = {
      location: inMemory || location === "" ? location : absolute(location),
      inMemory,
      timeout: parseTimeout(options.timeout),
      intMode: options.intMode ?? "number",
      rowMode: parseRowMode(options.rowMode),
      execution: parseExecution(options.execution),
      readers: readersOf(options.readers, this.#maxConnections),
      groupCommit: parseGroupCommit(options.groupCommit),
      checkpoints: parseCheckpoints(options.checkpoints),
      acquireTimeout: parseTimeout(options.acquireTimeout, "acquireTimeout"),
      maxQueue: parseMaxQueue(options.maxQueue),
      adoptVectorIndexes: parseAdoptVectorIndexes(options.adoptVectorIndexes),
      queryTimeout: parseTimeout(options.queryTimeout, "queryTimeout"),
      ...local,
      // The caller may change it, or give it away, before a reconnect() needs it again.
      data: local.data?.slice(),
    };
  }

  /**
   * Opens the database and its first connection, on the caller's thread.
   * @throws LibsqlError with SQLite's code if the file cannot be opened; CLIENT_CLOSED after `retire`
   */
  open(): void {
    try {
      this.#checkNotRetired();
      this.#open();
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  /**
   * The scheduler of the open client.
   * @throws Failure CLIENT_NEVER_OPENED, or CLIENT_CLOSED if it was closed before it was opened
   */
  get scheduler(): Scheduler {
    if (this.#scheduler !== undefined) return this.#scheduler;
    throw this.#isClosedUnopened ? clientClosed() : neverOpened();
  }

  /** The absolute path of its file; SQLite's URI of a database in memory; empty for a temporary one. */
  get path(): string {
    return this.#options.location;
  }

  /** How integers are read. */
  get intMode(): IntMode {
    return this.#options.intMode;
  }

  /** What rows are. */
  get rowMode(): RowMode {
    return this.#options.rowMode;
  }

  /** What values of declared types become. */
  get converters(): Converters | undefined {
    return this.#options.converters;
  }

  /** Whether the arguments of a statement have to be those of its parameters. */
  get strict(): boolean {
    return this.#options.strict;
  }

  /** Whether it was closed, or is being closed. */
  get isClosed(): boolean {
    return this.#scheduler?.closing.isClosed ?? this.#isClosedUnopened;
  }

  /** Whether `shutdownAll()` or the thread's host has ever closed it. */
  get wasClosedFromOutside(): boolean {
    return this.#wasClosedFromOutside || this.#scheduler?.closing.wasClosedFromOutside === true;
  }

  /** Closes everything: when this returns, nothing is left open. Idempotent. */
  close(): void {
    try {
      this.#isClosedUnopened = true;
      this.#scheduler?.closing.close();
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  /** Closes everything off the event loop. Concurrent callers share one closing, and one promise. */
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    let parsed: Required<ShutdownOptions>;
    try {
      parsed = parseShutdownOptions(options);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#isClosedUnopened = true;
    if (this.#scheduler !== undefined) return this.#scheduler.closing.shutdown(parsed);
    return Promise.resolve({ path: this.#options.location, drained: 0, ...nothingClosed(), ms: 0 });
  }

  /** Prevents further openings, because the file is about to be removed. Does not close anything. */
  retire(): void {
    this.#isRetired = true;
  }

  /**
   * Closes and reopens synchronously.
   * @throws LibsqlError CLIENT_CLOSED after `retire`; SQLite's code
   */
  reopen(): void {
    try {
      this.#checkNotRetired();
      this.close();
      this.#open();
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  /**
   * Closes and reopens. While a suspension's action has the file, waits for it; later calls wait and
   * use the reopened database. Concurrent callers share one reopening.
   * @throws LibsqlError CLIENT_CLOSED if `close()` or `shutdown()` is called meanwhile, or after
   * `retire`; SQLite's code if the file cannot be opened, which the waiting calls get, too
   */
  async reconnect(): Promise<void> {
    try {
      const former = this.#scheduler;
      if (former?.suspension.latest === undefined) return this.reopen();
      const { closing, suspension } = former;
      if (suspension.opening !== undefined) {
        if (!closing.isClosed) return suspension.opening;
        // A shutdown with `drain` would still open the file for earlier calls.
        closing.close();
      }
      return await this.#open(former).suspension.opening;
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  /** @param former a suspended client, after whose suspension the database is opened */
  #open(former?: Scheduler): Scheduler {
    const scheduler = new Scheduler(this.#options, this.#maxConnections, {
      former,
      check: () => this.#checkNotRetired(),
    });
    this.#wasClosedFromOutside = this.wasClosedFromOutside;
    this.#scheduler = scheduler;
    return scheduler;
  }

  #checkNotRetired(): void {
    if (this.#isRetired) throw clientRetired();
  }

  /**
   * Runs an action while this client has no connection, descriptor, lock or thread. The action may
   * replace the file by another database.
   *
   * Earlier calls and open transactions finish first. Later calls wait, without an error, and see the
   * result of the action; they can be aborted. Further suspensions wait in the same queue. The client
   * does not count as closed.
   *
   * Afterwards the database is opened again with all its settings, whether the action has succeeded or
   * not, and the promise settles as the action does. If it cannot be opened, the waiting calls reject
   * with that error, no file is created, and each later call retries: another program's lock may be
   * released, or the file brought back. The promise does not reject for that, because the action is done.
   *
   * `close()` and `shutdown()` end the waiting calls with CLIENT_CLOSED at once. The action continues,
   * and nothing is opened after it. `shutdown()` with `drain` waits for all of it, up to its limit.
   *
   * @param action gets the absolute path of the file; it must not wait for a call of this client, which
   * would wait for the action
   * @throws LibsqlError TRANSACTION_ACTIVE if after `timeoutMs` a call still runs or a transaction is
   * open; CONNECTION_STATE if TEMP tables, attached databases or an exclusive lock would be lost;
   * NOT_A_FILE for a database in memory; CLIENT_CLOSED; SQLite's code if a connection could not be
   * closed. In these cases the action has not run, and the client continues as before.
   */
  async whileSuspended<T>(
    action: (file: string) => Promise<T>,
    options: SuspensionOptions,
  ): Promise<T> {
    try {
      return await this.scheduler.suspension.run(action, options);
    } catch (failure) {
      throw errorOf(failure);
    }
  }
}

function absolute(path: string): string {
  try {
    return absolutePath(path);
  } catch (error) {
    throw errorOf(cannotOpen(path, error));
  }
}
