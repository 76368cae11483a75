/**
 * The types of `latchdb/swap` that are about SQLite databases: replaced as a whole, while others read
 * them.
 *
 * @packageDocumentation
 */
import type { LatchClient } from "../index.js";
import type { Durability } from "./swap.js";

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
 * A step that begins, and how far it is.
 *
 * Subscribers of the `diagnostics_channel` named `latchdb:swap` get the same with the `target`, of each
 * {@link swapDatabase}, {@link copyDatabase} and {@link LatchClient.replaceDatabase}, and at the end of the
 * call `{ target, result }` or `{ target, error }`: once, also where nothing has begun (a signal that was
 * aborted before, TRANSACTION_ACTIVE, options that are wrong). `target` is the path as it was given, or the
 * absolute one of the client's file; of a call whose target is no path nothing is told. Who subscribes
 * while a swap is under way may hear of its end alone.
 */
export interface DatabaseSwapProgress {
  step: DatabaseSwapStep;
  /** Bytes that are done. */
  done: number;
  /** Of so many; undefined where that is not known. */
  total: number | undefined;
}

/** What to do where somebody else has the database open. See {@link DatabaseSwapOptions.inUse}. */
export type InUse = "refuse" | "wait" | "in-place";

/** How a database is swapped, whatever it is made of. */
export interface DatabaseSwapSettings {
  /**
   * Looks at the new database before it takes the old one's place, by a client that can only read: what
   * is committed is what was checked, and a write is SQLITE_READONLY. If it throws, or resolves to
   * `false`, the swap ends with VERIFY_FAILED, and nothing is changed. The client is closed when the
   * returned promise settles.
   */
  verify?: ((staging: LatchClient) => unknown) | undefined;
  /**
   * Whether the old database is kept, complete and as one file, beside the new one: `true` for the name
   * `NAME.v1-v2-TIMESTAMP` (with both databases' `PRAGMA user_version`), or a name, or a path in that
   * directory, to which a relative one refers. A file that has that name already is BACKUP_EXISTS.
   * Default: false.
   */
  backup?: boolean | string | undefined;
  /**
   * Somebody else has the database open: another process, another client of this one. (Another SQLite
   * library of this process is DATABASE_IN_USE in any case.)
   *
   * - `"refuse"`: DATABASE_IN_USE, with its `openers` where the system tells. Who has it for less than
   *   0.1 s, as a process does that was begun just now, does not count.
   * - `"wait"`: for up to `timeoutMs`, then DATABASE_IN_USE.
   * - `"in-place"`: the new content is written into the old file, in one transaction of SQLite's: who
   *   has it open reads the old or the new content, never between. A database in WAL mode needs room for
   *   a WAL as large as the new one, and the same page size; any needs the same text encoding. One in WAL
   *   mode stays so, whatever `build` or the source has set: leaving it needs a database that nobody else
   *   has open.
   *
   * Where the system has no way to prove that nobody has it open, it is "in-place". Default: "refuse".
   */
  inUse?: InUse | undefined;
  /** How sure the swap is to outlive a power cut. Default: `"full"`. See {@link Durability}. */
  durability?: Durability | undefined;
  /**
   * How long to wait, in ms: for open transactions of the client ({@link LatchClient.replaceDatabase}),
   * for locks of others, and with `inUse: "wait"`. It limits neither `build` and `verify` nor the wait
   * for another swap of the same database: `signal` does. Default: 10,000.
   */
  timeoutMs?: number | undefined;
  /** What it throws is an uncaught exception, as with an event's listener. */
  onProgress?: ((progress: DatabaseSwapProgress) => void) | undefined;
  /**
   * Ends the swap: its promise rejects with the signal's `reason`, and the old database is untouched.
   * The clients that `build` and `verify` have are closed. After the commit it is too late.
   */
  signal?: AbortSignal | undefined;
}

/** What {@link swapDatabase} is given: exactly one of `build` and `source`, and how. */
export type DatabaseSwapOptions = DatabaseSwapSettings &
  (
    | {
        /**
         * Makes the new database: `staging` is a client on a new and empty one, with the old one's page
         * size, encoding, auto_vacuum and journal mode; `old` only reads the old one (undefined where
         * there is none). Nobody can write to the old database meanwhile; others can read it. Both
         * clients are closed for good when the returned promise settles; a transaction that is open then
         * is rolled back. It may close them itself; where `shutdownAll()` or `terminateWorker()` does that
         * before it is done, the swap ends with BUILD_FAILED, as nobody knows what is missing.
         *
         * What waits for this swap must not be awaited in here: calls of the client that is replaced, and
         * swaps of the same database, wait until it is over. Nor may another SQLite library of this
         * process open the old database: closing it drops the locks that keep others out, and the swap is
         * refused where that is found.
         */
        build: (staging: LatchClient, old: LatchClient | undefined) => unknown;
        source?: undefined;
      }
    | {
        /**
         * The path of a database whose content is copied, as one reader of it sees it. A relative one
         * means what it means when the swap is called.
         */
        source: string;
        build?: undefined;
      }
  );

/** What {@link swapDatabase} did. */
export interface DatabaseSwapResult {
  /** True: the database is the new one. */
  committed: boolean;
  /** Whether that outlives a power cut: true with durability `"full"`. */
  durable: boolean;
  /**
   * `"link"`: the new file has the old one's name; nobody else had that open. `"in-place"`: the new
   * content is in the old file. `"first"`: there was no old one.
   */
  mode: "link" | "in-place" | "first";
  /** The path of the old database, where a backup was asked for and there was one. */
  backup: string | undefined;
  /**
   * Whether somebody opened the database in the very instant of the rename, and has the old file
   * (`mode: "link"`). What it writes is lost with that, or refused by SQLite; beside a new database in
   * WAL mode it may even reach that one's `-wal`. On Linux, where the file system can exchange two
   * names, that is seen and taken back, unless another one has come for the new database meanwhile.
   */
  openedMeanwhile: boolean;
  /** The size of the new database, in bytes. */
  bytes: number;
  /** How long it took, in ms, with all waits. */
  ms: number;
}

/**
 * Replaces a SQLite database by a new one. Whoever reads it, at any instant and after any crash,
 * finds all of the old database or all of the new one; nothing that anybody committed is lost unseen.
 *
 * 1. `"resolve"`, `"lock"`, `"recover"`: swaps of one database wait for each other, also between
 *    processes; what a killed one left is cleared.
 * 2. `"prove"`: nobody else has it open, or see {@link DatabaseSwapSettings.inUse}. `"guard"`: from
 *    now on nobody can commit; others can read.
 * 3. `"stage"`, `"write"`, `"build"`: a new database in the same directory.
 * 4. `"check"`: `PRAGMA integrity_check`, `PRAGMA foreign_key_check`; `"verify"`: your own.
 * 5. `"metadata"`, `"sync"`: owner, mode and extended attributes of the old file; it reaches the disk.
 * 6. `"checkpoint"`: the old database becomes one file. `"prove"` again, with a gate that holds who
 *    would open it now. `"backup"`: a link to it. `"rename"`: the commit. `"sync-directory"`.
 *    In place: `"backup"` (a copy), and `"transfer"`, one transaction.
 *
 * Other clients and other processes can read the database all the while, but for a moment of the last
 * steps (`"checkpoint"` to `"rename"`, or `"transfer"`), in which SQLite's locks keep them out: with a
 * `timeout` they wait, without one they get SQLITE_BUSY. So do those who would write, from `"guard"` on.
 * Callers of the client that is being replaced wait in any case.
 *
 * A symlink is followed. An error or an abort before the commit leaves the old database as it was, and
 * nothing beside it. What a kill leaves, the next swap or {@link recover} clears, and so does the
 * next client of latchdb that opens the database.
 *
 * @param target the path of the database; where there is none it is made
 * @throws SwapError with the step that failed, see {@link SwapError.code}, and the `openers` where
 * it is DATABASE_IN_USE
 * @throws TypeError for options that are wrong in themselves
 * @throws the signal's `reason`
 */
export function swapDatabase(
  target: string,
  options: DatabaseSwapOptions,
): Promise<DatabaseSwapResult>;

/** How {@link copyDatabase} copies. */
export interface DatabaseCopyOptions {
  /**
   * Whether a database that is there is replaced, as {@link swapDatabase} does it. Default: false:
   * TARGET_EXISTS.
   */
  overwrite?: boolean | undefined;
  /** See {@link DatabaseSwapSettings.durability}. */
  durability?: Durability | undefined;
  /** How long to wait for locks of others, in ms. Default: 10,000. */
  timeoutMs?: number | undefined;
  /** See {@link DatabaseSwapSettings.onProgress}. */
  onProgress?: ((progress: DatabaseSwapProgress) => void) | undefined;
  /** Ends the copying: the target is untouched. */
  signal?: AbortSignal | undefined;
}

/** What {@link copyDatabase} did. */
export interface DatabaseCopyResult {
  /** Whether the copy outlives a power cut: true with durability `"full"`. */
  durable: boolean;
  /** The size of the copy, in bytes. */
  bytes: number;
  /** How long it took, in ms. */
  ms: number;
}

/**
 * Copies a database that may be in use: the copy is what one reader sees at one moment, complete in one
 * file, and it takes its name only when it is whole.
 *
 * @throws SwapError, TypeError, and the signal's `reason`
 */
export function copyDatabase(
  source: string,
  target: string,
  options?: DatabaseCopyOptions,
): Promise<DatabaseCopyResult>;

/** What {@link recover} found, and did about it. */
export interface RecoveryReport {
  /** The path of the file, symlinks followed. */
  target: string;
  /** Whether a swap is under way: then nothing was looked at. */
  underWay: boolean;
  found: Array<{
    /**
     * `"staging"`, `"aside"`: a file that no swap needs any more; `"backup"`: a backup whose swap did
     * not end; `"journal-mode"`: a database that was about to be replaced; `"lock-file"`.
     */
    what: "staging" | "aside" | "backup" | "journal-mode" | "lock-file";
    path: string;
    done: "removed" | "named" | "restored" | "failed";
    /** More of it, for a person. */
    detail: string;
  }>;
}

/**
 * Clears what a swap that was killed has left beside a database: afterwards the database is the old or
 * the new one, complete, and nothing else is there. Opening the database does the same.
 *
 * @throws SwapError
 */
export function recover(target: string): Promise<RecoveryReport>;
