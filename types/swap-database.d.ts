/**
 * The types of `latchdb/swap` for SQLite databases: replacement of a database as a whole, while others
 * read it.
 *
 * @packageDocumentation
 */
import "./globals.js";
import type { LocalClient } from "../index.js";
import type { Durability, PathInput } from "./swap.js";

/** The steps of a database swap, in their order. See {@link swapDatabase}. */
export type DatabaseSwapStep =
  | "resolve"
  | "lock"
  | "recover"
  | "prove"
  | "guard"
  | "stage"
  | "write"
  | "build"
  | "check"
  | "verify"
  | "metadata"
  | "sync"
  | "checkpoint"
  | "backup"
  | "transfer"
  | "rename"
  | "sync-directory";

/**
 * The progress of one step.
 *
 * Subscribers of the [`diagnostics_channel`](https://nodejs.org/api/diagnostics_channel.html) named
 * `latchdb:swap` get the same object with a `target`, for each {@link swapDatabase}, {@link copyDatabase}
 * and {@link LocalClient.replaceDatabase}. At the end of each call they get one `{ target, result }` or
 * `{ target, error }`, also where no step has begun (a signal that was aborted already,
 * TRANSACTION_ACTIVE, invalid options). `target` is the path that the caller gave (of a URL, its path), or the absolute path of
 * the client's file. A call whose target is not a path sends no message. A program that subscribes during
 * a swap may get the message of its end only.
 */
export interface DatabaseSwapProgress {
  /** The current step. */
  step: DatabaseSwapStep;
  /** The number of bytes that are done. */
  done: number;
  /** The number of bytes in all. Undefined where it is not known. */
  total: number | undefined;
}

/** What happens where the database is open elsewhere. See {@link DatabaseSwapSettings.inUse}. */
export type InUse = "refuse" | "wait" | "in-place";

/** The options of a database swap, without the content of the new database. */
export interface DatabaseSwapSettings {
  /**
   * A check of the new database before it takes the old one's place. `staging` is a client that can only
   * read, so that the checked content is the committed content; a write is SQLITE_READONLY. Where the
   * function throws, rejects or resolves to `false`, the swap ends with VERIFY_FAILED, and nothing is
   * changed. The client is closed when the returned promise settles. Default: none.
   */
  verify?: ((staging: LocalClient) => unknown) | undefined;
  /**
   * Whether to keep the old database, complete and in one file, beside the new one. `true` names the file
   * `NAME.v1-v2-TIMESTAMP`, with the `PRAGMA user_version` of both databases. A name or a path in
   * the directory of the database; a relative path refers to that directory. A file that has the name
   * already is BACKUP_EXISTS. Default: false.
   */
  backup?: boolean | PathInput | undefined;
  /**
   * What happens where the database is open elsewhere: in another process, or in another client of this
   * process. Another SQLite library of this process is DATABASE_IN_USE in any case.
   *
   * - `"refuse"`: the swap ends with DATABASE_IN_USE, whose `openers` are the processes, where the system
   *   tells. An opener of less than 0.1 s does not count; a child process that was just started is one.
   * - `"wait"`: the swap waits until the others have closed the database. After `timeoutMs` it ends with
   *   DATABASE_IN_USE.
   * - `"in-place"`: the new content is written into the old file, in one transaction of SQLite's. Others
   *   read the old content or the new content. The two databases must have the same text encoding. In WAL
   *   mode they must also have the same page size, and the disk needs room for a WAL as large as the new
   *   database. A database in WAL mode stays in WAL mode, whatever `build` or the source has set, because
   *   SQLite leaves WAL mode only where no other connection has the database open
   *   (https://sqlite.org/wal.html).
   *
   * Where the system cannot prove that nobody else has the database open, the swap is "in-place".
   * Default: "refuse".
   */
  inUse?: InUse | undefined;
  /** Which state a power cut can leave. Default: `"full"`. See {@link Durability}. */
  durability?: Durability | undefined;
  /**
   * How long to wait, in ms, for open transactions of the client ({@link LocalClient.replaceDatabase}), for
   * locks of others, and, with `inUse: "wait"`, for others to close the database. Neither `build` and
   * `verify` nor the wait for another swap of the same database has a limit; `signal` ends them.
   * Default: 10,000.
   */
  timeoutMs?: number | undefined;
  /**
   * Called at the beginning of each step, and with its progress. An exception of the function is an
   * uncaught exception, as with a listener of an event. Default: none.
   */
  onProgress?: ((progress: DatabaseSwapProgress) => void) | undefined;
  /**
   * Aborts the swap. The promise rejects with the signal's `reason`, and the old database is unchanged.
   * The clients of `build` and `verify` are closed. After the commit an abort has no effect.
   * Default: none.
   */
  signal?: AbortSignal | undefined;
}

/** The options of {@link swapDatabase}. Exactly one of `build` and `source` is required. */
export type DatabaseSwapOptions = DatabaseSwapSettings &
  (
    | {
        /**
         * Builds the new database. `staging` is a client on a new, empty database, which has the page
         * size, encoding, auto_vacuum and journal mode of the old one. `old` is a client that can only
         * read the old database; undefined where there is none. During `build` nobody can write to the
         * old database, and others can read it.
         *
         * Both clients are closed for good when the returned promise settles; an open transaction is
         * rolled back then. The function may close them itself. Where `shutdownAll()` or
         * `terminateWorker()` closes them before the promise settles, the swap ends with BUILD_FAILED,
         * because the new database may be incomplete.
         *
         * The function must not await what waits for this swap: a call of the client that is being
         * replaced, or another swap of the same database. It must not open the old database with another
         * SQLite library of this process: closing that connection drops the locks that keep others out
         * (https://sqlite.org/howtocorrupt.html, section 2.2). latchdb refuses the swap where it finds
         * such a connection.
         */
        build: (staging: LocalClient, old: LocalClient | undefined) => unknown;
        source?: undefined;
      }
    | {
        /**
         * The path of a database whose content is copied. The copy is what one reader sees at one moment.
         * A relative path is resolved when the function is called.
         */
        source: PathInput;
        build?: undefined;
      }
  );

/**
 * How the new database took the old one's place.
 *
 * - `"rename"`: the new file has the old file's name. Nobody else had the old file open.
 * - `"in-place"`: the old file has the new content.
 * - `"first"`: there was no old database.
 */
export type DatabaseSwapMode = "rename" | "in-place" | "first";

/** The result of {@link swapDatabase}. */
export interface DatabaseSwapResult {
  /** True: the database is the new one. */
  committed: boolean;
  /** Whether the result outlives a power cut. True with durability `"full"`. */
  durable: boolean;
  /** How the new database took the old one's place. */
  mode: DatabaseSwapMode;
  /** The absolute path of the backup. Undefined where none was asked for, or there was no old database. */
  backup: string | undefined;
  /**
   * Whether a process opened the database in the instant of the rename and has the old file
   * (`mode: "rename"`). What that process writes is lost with the old file, or refused by SQLite. Beside a
   * new database in WAL mode it may even reach the new database's `-wal`. On Linux, where the file system
   * can exchange two names (`renameat2(2)`, RENAME_EXCHANGE), latchdb notices the process and takes the
   * rename back, unless another process waits for the new database already.
   */
  openedMeanwhile: boolean;
  /** The size of the new database, in bytes. */
  bytes: number;
  /** How long the swap took, in ms, waits included. */
  ms: number;
}

/**
 * Replaces a SQLite database by a new one. A reader finds all of the old database or all of the new one,
 * at any instant and after any crash. No commit of another connection is lost: the swap is refused
 * instead (DATABASE_CHANGED). The steps:
 *
 * 1. `"resolve"`, `"lock"`, `"recover"`: symbolic links are followed. Swaps of one database take turns,
 *    also between processes. The remains of a killed swap are cleared.
 * 2. `"prove"`: nobody else has the database open; otherwise {@link DatabaseSwapSettings.inUse} decides.
 *    `"guard"`: from now on nobody else can commit, and others can read.
 * 3. `"stage"`, `"write"`, `"build"`: the new database is made in the same directory.
 * 4. `"check"`: `PRAGMA integrity_check` and `PRAGMA foreign_key_check`. `"verify"`: the caller's check.
 * 5. `"metadata"`, `"sync"`: the new file gets the owner, mode and extended attributes of the old one, and
 *    reaches the disk.
 * 6. `"checkpoint"`: the content of the `-wal` goes into the old database, which is one file then.
 *    `"prove"` again, with a lease or a handle that makes a new opener wait. `"backup"`: the old file gets a
 *    second name. `"rename"`: the commit. `"sync-directory"`: the name reaches the disk.
 *    In place instead: `"backup"`, a copy, and `"transfer"`, one transaction.
 *
 * Other clients and other processes can read the database during the swap, except in the last steps
 * (`"checkpoint"` to `"rename"`, or `"transfer"`). There SQLite's locks keep readers out: a connection
 * with a `timeout` waits, and one without gets SQLITE_BUSY. The same holds for writers from `"guard"` on.
 * Callers of the client that is being replaced always wait.
 *
 * An error or an abort before the commit leaves the old database as it was, and nothing beside it. After a
 * kill, the next swap, {@link recover}, or the next client of latchdb that opens the database clears what
 * is left.
 *
 * @param target the path of the database; a database that does not exist is created
 * @throws SwapError with the failed step, see {@link SwapError.code}; DATABASE_IN_USE has the `openers`
 * @throws TypeError for invalid options; the signal's `reason` for an abort
 */
export function swapDatabase(
  target: PathInput,
  options: DatabaseSwapOptions,
): Promise<DatabaseSwapResult>;

/** The options of {@link copyDatabase}. */
export interface DatabaseCopyOptions {
  /**
   * Whether to replace an existing target, as {@link swapDatabase} does. Default: false, which makes an
   * existing target an error, TARGET_EXISTS.
   */
  overwrite?: boolean | undefined;
  /** See {@link DatabaseSwapSettings.durability}. */
  durability?: Durability | undefined;
  /** How long to wait for locks of other connections, in ms. Default: 10,000. */
  timeoutMs?: number | undefined;
  /** See {@link DatabaseSwapSettings.onProgress}. */
  onProgress?: ((progress: DatabaseSwapProgress) => void) | undefined;
  /** Aborts the copy. The target is unchanged. Default: none. */
  signal?: AbortSignal | undefined;
}

/** The result of {@link copyDatabase}. */
export interface DatabaseCopyResult {
  /** Whether the copy outlives a power cut. True with durability `"full"`. */
  durable: boolean;
  /** The size of the copy, in bytes. */
  bytes: number;
  /** How long the copy took, in ms, waits included. */
  ms: number;
}

/**
 * Copies a database, also one that is in use. The copy is what one reader sees at one moment, complete and
 * in one file. It takes its name when it is whole and, with durability `"full"`, on the disk.
 *
 * @param source the path of the database
 * @param target the path of the copy
 * @throws SwapError with the failed step, see {@link SwapError.code}
 * @throws TypeError for invalid options; the signal's `reason` for an abort
 */
export function copyDatabase(
  source: PathInput,
  target: PathInput,
  options?: DatabaseCopyOptions,
): Promise<DatabaseCopyResult>;

/** The report of {@link recover}. */
export interface RecoveryReport {
  /** The path of the database, with symbolic links resolved. */
  target: string;
  /** Whether a swap of the database is running. Then `recover` does nothing. */
  underWay: boolean;
  /** The remains of a killed swap. */
  found: Array<{
    /**
     * `"staging"`, `"aside"`: a file that no swap needs any more; `"backup"`: the backup of a swap that did
     * not end; `"journal-mode"`: a database that a swap took out of WAL mode; `"lock-file"`: the lock file.
     */
    what: "staging" | "aside" | "backup" | "journal-mode" | "lock-file";
    /** The path of the file. For a backup that is kept, the path that it has now. */
    path: string;
    /**
     * `"removed"`: the file; `"named"`: the backup got its name; `"restored"`: WAL mode; `"failed"`: see
     * `detail`.
     */
    done: "removed" | "named" | "restored" | "failed";
    /** Details of a failure, as a text for a person. */
    detail: string;
  }>;
}

/**
 * Clears the remains of a killed swap beside a database. Afterwards the database is the old one or the new
 * one, complete, and nothing of the swap is left. Opening the database with latchdb does the same.
 *
 * @param target the path of the database
 * @throws SwapError with the failed step, see {@link SwapError.code}
 */
export function recover(target: PathInput): Promise<RecoveryReport>;
