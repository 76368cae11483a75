/**
 * The types of `latchdb/swap`: atomic replacement of files and databases.
 *
 * @packageDocumentation
 */

import "./globals.js";
import type { DatabaseSwapStep } from "./swap-database.js";

export * from "./swap-database.js";

/**
 * A path: a string, a `file:` URL, or the bytes of a path.
 *
 * A string that begins with `file:` is a URL, by the rules of the `url` of `createClient()`: `file:a.db` is
 * relative, and percent-encoding is decoded. `./file:a.db` is the file of that name. A URL of another scheme
 * (a string that begins with `scheme://`) is an error. Bytes are a path, never a URL; they must be UTF-8.
 */
export type PathInput = string | URL | Uint8Array;

/**
 * Which state of the target a power cut can leave.
 *
 * - `"full"`: the new file, once the promise has resolved: its content and its name are on the disk.
 *   The file and the directory are synced: with `fsync(2)` on Linux, with F_FULLFSYNC (`fcntl(2)`),
 *   which empties the drive's cache, on macOS, and with FlushFileBuffers on Windows.
 * - `"barrier"`: the old file or the new one, never a torn one. The content reaches the disk before the
 *   name. macOS uses F_BARRIERFSYNC. Linux and Windows have no barrier: the file is synced, and the
 *   directory is not.
 * - `"none"`: the old file, the new one, a torn one or an empty one. Nothing is synced. Without a power
 *   cut every reader finds the old file or the new one.
 */
export type Durability = "full" | "barrier" | "none";

/** The steps of a swap, in their order (see {@link swapFile}); `"remove"` is {@link removeWithRetry}'s. */
export type SwapStep =
  | "resolve"
  | "lock"
  | "stage"
  | "write"
  | "prepare"
  | "metadata"
  | "sync"
  | "rename"
  | "sync-directory"
  | "remove";

/** The argument of {@link SwapFileOptions.onProgress}. */
export interface SwapProgress {
  /** The current step. */
  step: SwapStep;
  /** The number of bytes of the new file that are written. */
  done: number;
  /** The size of the new file, in bytes. Undefined where it is not known: for a stream or a long text. */
  total: number | undefined;
}

/** A `ReadableStream` of any library's declarations. */
export interface WebStream {
  readonly locked: boolean;
  getReader(): unknown;
}

/** The content of a new file: text (written as UTF-8), bytes, or a stream of either. */
export type SwapData =
  string | ArrayBuffer | ArrayBufferView | AsyncIterable<string | ArrayBuffer | ArrayBufferView>;

/** The options of {@link swapFile}, without the content of the new file. */
export interface SwapFileOptions {
  /**
   * A step of the caller between writing and syncing. Default: none.
   *
   * The function is called when all of the content is in the staging file. It may change the file in
   * place (a tool that signs it), or put another file in its place, under the same name. The staging
   * file is in the target's directory. Its name ends with the target's name, extension included. Where
   * the function throws or rejects, the swap ends with PREPARE_FAILED, and the thrown value is the
   * `cause`. `signal` ends the wait for a promise that does not settle.
   *
   * The function must not swap the same target, because that swap waits for this one. The same holds
   * for two `prepare` functions that swap each other's target.
   */
  prepare?: ((stagingPath: string) => unknown) | undefined;
  /** Which state a power cut can leave. Default: `"full"`. */
  durability?: Durability | undefined;
  /**
   * Whether to leave the target alone, inode included, where it already has the new content (and the
   * given `mode`). With `prepare` the prepared file is compared. Default: false.
   */
  skipIfSame?: boolean | undefined;
  /**
   * The permissions of the new file, for example `0o755`. Default: the permissions of the old file.
   * Without an old file: the permissions that `prepare` gave the staging file (if they are not the
   * initial `0o600`), or else `0o666` minus the umask of the process. On Windows only the write
   * permission counts, as with `fs.chmod`.
   */
  mode?: number | undefined;
  /**
   * How long to retry the rename, in ms, where Windows refuses it because another program, such as a
   * virus scanner, has the target open. Default: 8000. Other systems do not refuse.
   */
  retryMs?: number | undefined;
  /**
   * Whether to rename the target to `.aside-*` first, where Windows refuses to replace a target that is
   * loaded as a program or a library (TARGET_IN_USE_AS_IMAGE). The `.aside-*` file is removed when
   * Windows allows it, at the latest by the next swap of the target. Between the two renames **there is
   * no file** of the target's name, and a crash in that instant leaves none. Default: false. No effect
   * on other systems.
   */
  moveAside?: boolean | undefined;
  /**
   * Aborts the swap. The promise rejects with the signal's `reason`, the target is unchanged, and no
   * staging file is left. After the rename an abort has no effect. Default: none.
   */
  signal?: AbortSignal | undefined;
  /**
   * Called at the beginning of each step, and during `"write"` about 20 times a second. An exception
   * of the function is an uncaught exception, as with a listener of an event. Default: none.
   */
  onProgress?: ((progress: SwapProgress) => void) | undefined;
}

/** The options of {@link swapFile}. Exactly one of `source` and `data` is required. */
export type SwapOptions = SwapFileOptions &
  (
    | {
        /** The path of a regular file, whose content is copied. Symbolic links are followed. */
        source: PathInput;
        data?: undefined;
      }
    | {
        source?: undefined;
        /**
         * The content: text (written as UTF-8), bytes, or a stream of either (a `Readable`, a
         * `ReadableStream`, an async generator).
         *
         * Do not change the bytes before the promise settles: long ones are written from JavaScript's
         * memory. A buffer that is transferred or resized before that ends the swap with DATA_FAILED.
         *
         * An exception or an `error` event of the stream ends the swap at once with DATA_FAILED, and is
         * the `cause`. A stream that has ended before the swap reads it (destroyed, or consumed
         * elsewhere) is DATA_FAILED, not an empty file. The swap closes a stream that it does not read
         * to the end, with `destroy()`, `cancel()` or the iterator's `return()`. It does so also where
         * the swap does not begin: for an invalid option, or a signal that is aborted already.
         */
        data: SwapData;
      }
  );

/** The result of {@link swapFile}. */
export interface SwapResult {
  /** Whether the target is the new file. False where the swap was skipped. */
  committed: boolean;
  /** Whether the result outlives a power cut. True with durability `"full"`. */
  durable: boolean;
  /** Whether the target had the new content already and was left alone (`skipIfSame`). */
  skipped: boolean;
  /** The size of the new file, in bytes. */
  bytes: number;
  /** How long the swap took, in ms, waits included. */
  ms: number;
}

/**
 * Replaces a file by a new one. A reader finds all of the old file or all of the new one, at any
 * instant and after any crash. The steps:
 *
 * 1. `"resolve"`: a symbolic link is followed. The link stays, and the file that it leads to is replaced
 *    (or created, where the link dangles).
 * 2. `"lock"`: swaps of one file take turns: those of one path in the order of the calls, those of
 *    different processes by a lock file beside the target. The system releases the lock when its
 *    owner dies. The swap removes staging files that a killed process left.
 * 3. `"stage"`: a new file `.staging-…` in the target's directory, readable for its owner only.
 * 4. `"write"`: the content is written, and the size of the file is checked.
 * 5. `"prepare"`: the caller's step.
 * 6. `"metadata"`: the new file gets the owner, mode and extended attributes of the old one.
 * 7. `"sync"`: the file reaches the disk.
 * 8. `"rename"`: the file takes the target's name (`rename(2)`). This is the commit.
 * 9. `"sync-directory"`: the name reaches the disk.
 *
 * An error or an abort before the rename leaves the target unchanged and no staging file. The rename is
 * not undone: a later error is NOT_DURABLE, with `committed: true`.
 *
 * Other hard links to the target keep the old content. A target that this process has open as a
 * database is refused, and so is a file that belongs to such a database. At most 64 swaps of a thread
 * work at once; further ones wait. A swap that waits for `prepare`, for data or for its turn does not
 * count. A swap keeps the process alive until it ends.
 *
 * @param target the path of the file to replace or to create; its directory must exist
 * @returns a promise that resolves after the last step
 * @throws SwapError with the failed step; see {@link SwapError.code}
 * @throws TypeError for invalid options; the signal's `reason` for an abort
 */
export function swapFile(target: PathInput, options: SwapOptions): Promise<SwapResult>;

/** A process that has a database open. */
export interface Opener {
  /** The number of the process. */
  pid: number;
  /** The name of the process. Undefined where the system does not tell. */
  name: string | undefined;
}

/** An error of a swap, or of a single step ({@link fsyncFile} and the others below). */
export class SwapError extends Error {
  /** @private */
  constructor(message: string, failure: object, options?: { cause?: unknown });
  /**
   * The cause:
   *
   * - `DIRECTORY_MISSING`, `TARGET_IS_DIRECTORY`, `TARGET_NOT_A_FILE` (a device, a socket),
   *   `TOO_MANY_LINKS` (symbolic links in a circle)
   * - `SOURCE_MISSING`, `SOURCE_NOT_A_FILE`, `SOURCE_IS_TARGET`, `SOURCE_CHANGED` (another program wrote
   *   to the source during the copy)
   * - `FILE_IS_OPEN_DATABASE`: this process has the file open as a database, or the file is the `-wal`,
   *   `-shm` or `-journal` of a database that this process has open. ATTACH and VACUUM INTO count.
   *   Close the clients, or DETACH the database, first.
   * - `OPEN_ELSEWHERE_IN_PROCESS`: another SQLite library of this process (`node:sqlite`, `bun:sqlite`,
   *   a second copy of latchdb) has the file open. Linux and macOS; docs/swapping-files.md lists what
   *   is not noticed.
   * - `DISK_FULL`, `NO_PERMISSION`, `READ_ONLY`, `IO_ERROR` (see `errno`)
   * - `SIZE_MISMATCH`: the file system reports another size for the new file than was written
   * - `PREPARE_FAILED`, `DATA_FAILED`: see `cause`
   * - `STAGING_MISSING`, `STAGING_NOT_A_FILE`, `STAGING_IS_LINK` (a hard link to another file),
   *   `STAGING_HAS_SIDECAR` (a database that was not closed): the state in which `prepare`, or another
   *   program, left the staging file
   * - `TARGET_HAS_SIDECAR`: a `-wal` or `-journal` of a killed program is beside the target, and SQLite
   *   would read it into the new file. Replace the database with `swapDatabase`, or open and close it
   *   first.
   * - `UNTRUSTED_FILE`: a file with the name of a lock file of latchdb, or of a file that SQLite keeps
   *   beside a database, is not a regular file, is a hard link, or belongs to a user who is not
   *   trusted. latchdb leaves it alone. See docs/swapping-files.md.
   * - `TARGET_IN_USE`: Windows refused until `retryMs` had passed. `TARGET_IN_USE_AS_IMAGE`: Windows
   *   refuses always, because the file is loaded as a program or a library.
   * - `NOT_DURABLE`: the target is the new file, but the directory could not be synced
   * - `NAME_TOO_LONG`: the name is longer than the file system allows, or that of a new database (or of its
   *   backup) leaves no room for the `-journal` that SQLite appends
   * - `FILE_MISSING`, `IS_DIRECTORY`, `NOT_A_FILE`, `NOT_A_DIRECTORY`: of single steps
   * - `PATH_NOT_UTF8`: JavaScript has no string for the path that `prepare` would get, or a given path is
   *   not valid Unicode
   * - `URL_INVALID`, `URL_PARAM_NOT_SUPPORTED`, `URL_SCHEME_NOT_SUPPORTED`: a URL that names no file, see
   *   {@link PathInput}
   * - `DATABASE_IN_USE`: another connection has the database open, see `openers`. `DATABASE_BUSY`: the
   *   database was locked for longer than `timeoutMs`. `DATABASE_CHANGED`: another process committed
   *   after `build` began; call again.
   * - `NOT_A_DATABASE`, `DATABASE_CORRUPT`, `SQLITE_ERROR`
   * - `BUILD_FAILED`, `VERIFY_FAILED`: see `cause`. `INTEGRITY_CHECK_FAILED`,
   *   `FOREIGN_KEY_CHECK_FAILED`: SQLite's checks of the new database
   * - `STAGING_OPEN`, `STAGING_SIDECAR`: the new database is still open
   * - `PAGE_SIZE_MISMATCH`: the swap is in place and the database in WAL mode. `ENCODING_MISMATCH`: the
   *   swap is in place and the new text has another encoding.
   * - `BACKUP_EXISTS`, `BACKUP_NOT_BESIDE`, `BACKUP_NAME_RESERVED`: choose another name. At the step
   *   `recover`, move the backup of an earlier swap (`path`) elsewhere first. `TARGET_EXISTS`: of
   *   `copyDatabase`
   * - `ENVIRONMENT_CLOSING`: the calling thread or process is ending
   * - `INTERNAL_ERROR`: a defect of latchdb
   */
  readonly code: string;
  /** The step that failed. */
  readonly step: SwapStep | DatabaseSwapStep;
  /** The file or directory at which the step failed. */
  readonly path: string;
  /** The name of the system's error, for example "ENOSPC". Undefined where no system call failed. */
  readonly errno: string | undefined;
  /** Whether the target is the new file in spite of the error. */
  readonly committed: boolean;
  /** The processes that have the database open. Empty for other errors, and where the system does not tell. */
  readonly openers: readonly Opener[];
}

/** The option of steps that Windows refuses while another program has the file open. */
export interface RetryOption {
  /** How long to retry, in ms. Default: 8000. Other systems do not refuse. */
  retryMs?: number | undefined;
}

/**
 * Syncs the content and size of a file to the disk: with `fsync(2)`; on macOS with F_FULLFSYNC, or the
 * nearest call that the file system supports; on Windows with FlushFileBuffers, which needs a writable
 * handle.
 *
 * @throws SwapError FILE_IS_OPEN_DATABASE where this process has the file open as a database: opening
 * and closing it would drop SQLite's locks (https://sqlite.org/howtocorrupt.html, section 2.2);
 * OPEN_ELSEWHERE_IN_PROCESS; FILE_MISSING; IO_ERROR and the other codes of the system
 */
export function fsyncFile(path: PathInput): Promise<void>;

/**
 * Syncs the entries of a directory to the disk: the creation, renaming and removal of files in it. Does
 * nothing on Windows, which has no such call, and on macOS file systems without one.
 *
 * @throws SwapError, for example NOT_A_DIRECTORY
 */
export function fsyncDirectory(path: PathInput): Promise<void>;

/**
 * Renames a file and replaces a file that has the new name. A power cut leaves the old state or the new
 * one: the file is synced before the rename, and its new and old directories after it.
 *
 * @throws SwapError FILE_IS_OPEN_DATABASE where this process has one of the two files open as a
 * database; TARGET_HAS_SIDECAR; TARGET_IN_USE; NOT_DURABLE with `committed: true` where the file is renamed
 * but a directory could not be synced
 */
export function renameDurably(from: PathInput, to: PathInput, options?: RetryOption): Promise<void>;

/**
 * Removes a file. Where Windows refuses because another program has the file open, retries until
 * `retryMs` have passed.
 *
 * @returns false where there was no file
 * @throws SwapError FILE_IS_OPEN_DATABASE where this process has the file open as a database;
 * TARGET_IN_USE
 */
export function removeWithRetry(path: PathInput, options?: RetryOption): Promise<boolean>;
