/**
 * The types of `latchdb/swap`: files, replaced atomically.
 *
 * @packageDocumentation
 */

import type { DatabaseSwapStep } from "./swap-database.js";

export * from "./swap-database.js";

/**
 * How sure a swap is to outlive a power cut.
 *
 * - `"full"`: when the promise resolves, the new file is on the disk, under its name. On macOS this
 *   is F_FULLFSYNC, which waits for the drive's own cache.
 * - `"barrier"`: the new content is on the disk before the name is. After a power cut the file is
 *   old or new, never torn; but it may be the old one. On macOS this is F_BARRIERFSYNC; Linux and
 *   Windows have no barrier, so the file is synced, and only the directory is not.
 * - `"none"`: nothing is synced. Every reader sees old or new, until the power fails: then the file
 *   may be old, new, torn or empty.
 */
export type Durability = "full" | "barrier" | "none";

/** The steps of a swap, in their order. See {@link swapFile}. */
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

/** What {@link SwapOptions.onProgress} is told. */
export interface SwapProgress {
  /** The step that is under way. */
  step: SwapStep;
  /** How many bytes of the new file are written. */
  done: number;
  /** How many there will be; undefined for a stream or a long text, of which nobody knows. */
  total: number | undefined;
}

/** A `ReadableStream`, whichever library declares it. */
export interface WebStream {
  readonly locked: boolean;
  getReader(): unknown;
}

/** What the new file is made of. */
export type SwapData =
  string | ArrayBuffer | ArrayBufferView | AsyncIterable<string | ArrayBuffer | ArrayBufferView>;

/** The options of {@link swapFile} that do not say what the new file is made of. */
export interface SwapFileOptions {
  /**
   * Makes the staging file ready, once it is written in full: a tool may sign it in place, or
   * replace it by another file of that name. The staging file is in the directory of the target; its
   * name ends with the target's, and so has its extension. What it throws ends the swap, and is the
   * error's `cause`. One that never settles is ended by `signal`.
   *
   * It must not swap the same target: that would wait for itself, as two do that swap each other's.
   */
  prepare?: ((stagingPath: string) => unknown) | undefined;
  /** How sure the swap is to outlive a power cut. Default: `"full"`. */
  durability?: Durability | undefined;
  /**
   * Leaves the target as it is, with its inode, where it has the same content already (and `mode`,
   * if that is given). With `prepare` it is the prepared file that is compared. Default: false.
   */
  skipIfSame?: boolean | undefined;
  /**
   * The permissions of the new file, for example `0o755`. Default: those of the file that is
   * replaced; where there is none, what `prepare` has given it (other than the staging file's
   * `0o600`), or else `0o666` without the process' umask. On Windows only whether
   * anyone may write counts, as in `fs.chmod`.
   */
  mode?: number | undefined;
  /**
   * How long to try again, in ms, where Windows refuses because another program has the target open
   * (a virus scanner does for a moment). Default: 8000. Other systems never refuse.
   */
  retryMs?: number | undefined;
  /**
   * For a target that Windows refuses to replace because it is loaded as a program or library
   * (TARGET_IN_USE_AS_IMAGE): renames it to `.aside-*` first and removes that when it can, at the
   * latest with the next swap of the target. Between the two renames **there is no file** of the
   * target's name, and a crash in that instant leaves it so; everything else is as without this option.
   * Default: false. It changes nothing on other systems.
   */
  moveAside?: boolean | undefined;
  /**
   * Ends the swap: its promise rejects with the signal's `reason`, the target is untouched and no
   * staging file is left. After the rename it is too late: then the swap goes on and resolves.
   */
  signal?: AbortSignal | undefined;
  /**
   * Hears of each step as it begins, and of the bytes written, about 20 times a second. What it
   * throws is an uncaught exception, as with an event's listener.
   */
  onProgress?: ((progress: SwapProgress) => void) | undefined;
}

/** What {@link swapFile} is given: exactly one of `source` and `data`, and how. */
export type SwapOptions = SwapFileOptions &
  (
    | {
        /** The path of a regular file whose content is copied. Symlinks are followed. */
        source: string;
        data?: undefined;
      }
    | {
        source?: undefined;
        /**
         * The content: text (as UTF-8), bytes, or a stream of either (a `Readable`, a
         * `ReadableStream`, an async generator). Bytes must not be changed before the promise
         * settles: long ones are written from where they are. A buffer that is transferred
         * away or resized meanwhile ends the swap with DATA_FAILED. What a stream throws, or tells of
         * by an `error` event, ends the swap at once, and is the error's `cause`. A stream that is over
         * before it is read (destroyed, or read to its end by somebody else) is DATA_FAILED, too, and
         * no empty file. A stream that is not read to its end is closed, by `destroy()`, `cancel()` or
         * the iterator's `return()`, also where nothing begins: with an option that is wrong, or a
         * signal that was aborted before.
         */
        data: SwapData;
      }
  );

/** What {@link swapFile} did. */
export interface SwapResult {
  /** Whether the target is the new file now. False where it was skipped. */
  committed: boolean;
  /** Whether that outlives a power cut: true with durability `"full"`. */
  durable: boolean;
  /** Whether the target had the same content already, and was left as it is (`skipIfSame`). */
  skipped: boolean;
  /** The size of the new file, in bytes. */
  bytes: number;
  /** How long it took, in ms, with all waits. */
  ms: number;
}

/**
 * Replaces a file by a new one. Whoever reads it, at any instant and after any crash, finds all of
 * the old file or all of the new one:
 *
 * 1. `"resolve"`, `"lock"`: swaps of one file wait for each other: by one path in the order of their
 *    calls, and between processes by a lock file beside the target, which the system lets go
 *    when its owner dies. A symlink is followed: it stays, and the file it leads to is replaced (or
 *    made, where it leads nowhere yet). Staging files that a killed process left are removed.
 * 2. `"stage"`: a new file, `.staging-…`, in the target's directory, which nobody else may read.
 * 3. `"write"`: all of the content, and a check that all of it is there.
 * 4. `"prepare"`: your own step.
 * 5. `"metadata"`: owner, mode and extended attributes of the old file.
 * 6. `"sync"`: the file reaches the disk. 7. `"rename"`: over the target. 8. `"sync-directory"`.
 *
 * Before the rename, an error or an abort leaves the target untouched and no staging file. After it
 * there is no way back: an error then has `committed: true`, and its code is NOT_DURABLE.
 *
 * Other hard links to the target keep the old content. A target that this process has open as a
 * database is refused, and so is a file that belongs to one. Up to 64 swaps of a thread work at once, those aside that wait for
 * `prepare`, for data or for their turn; further ones wait. One that has not ended keeps the process
 * alive.
 *
 * @param target the path of the file to replace, or to make; its directory must be there
 * @returns when all of it is done
 * @throws SwapError with the step that failed; see {@link SwapError.code}
 * @throws TypeError for options that are wrong in themselves
 * @throws the signal's `reason`
 */
export function swapFile(target: string, options: SwapOptions): Promise<SwapResult>;

/** A process that has a database open. */
export interface Opener {
  pid: number;
  /** Its name, where the system tells. */
  name: string | undefined;
}

/** An error of a swap, or of one of the steps that can be called by themselves. */
export class SwapError extends Error {
  /** @private */
  constructor(message: string, failure: object, options?: ErrorOptions);
  /**
   * What went wrong:
   *
   * - `DIRECTORY_MISSING`, `TARGET_IS_DIRECTORY`, `TARGET_NOT_A_FILE` (a device, a socket),
   *   `TOO_MANY_LINKS` (symlinks that lead in circles)
   * - `SOURCE_MISSING`, `SOURCE_NOT_A_FILE`, `SOURCE_IS_TARGET`, `SOURCE_CHANGED` while it was copied
   * - `FILE_IS_OPEN_DATABASE`: this process has the file open as a database, or has the database open
   *   whose `-wal`, `-shm` or `-journal` it is, also by ATTACH or VACUUM INTO; close those clients, or
   *   DETACH it, first
   * - `OPEN_ELSEWHERE_IN_PROCESS`: the same of another SQLite in this process (`node:sqlite`,
   *   `bun:sqlite`, a second copy of latchdb). Linux and macOS; see docs/swapping-files.md for what is
   *   not noticed
   * - `DISK_FULL`, `NO_PERMISSION`, `READ_ONLY`, `IO_ERROR` (see `errno`)
   * - `SIZE_MISMATCH`: the file system has another size for the new file than was written
   * - `PREPARE_FAILED`, `DATA_FAILED`: see `cause`
   * - `STAGING_MISSING`, `STAGING_NOT_A_FILE`, `STAGING_IS_LINK` (a hard link to another file),
   *   `STAGING_HAS_SIDECAR` (a database that was not closed): what `prepare`, or somebody else, left
   *   of it
   * - `TARGET_HAS_SIDECAR`: a killed program's `-wal` or `-journal` is beside the target, and SQLite would
   *   read it into the new file: replace that database with `swapDatabase`, or open and close it first
   * - `UNTRUSTED_FILE`: what has the name of a lock file of ours, or of a file that SQLite keeps beside a
   *   database, is no regular file, a hard link, or a stranger's; it is left alone. See
   *   docs/swapping-files.md
   * - `TARGET_IN_USE`: Windows refused until `retryMs` had passed; `TARGET_IN_USE_AS_IMAGE`: it would
   *   for ever, as the file is loaded as a program or library
   * - `NOT_DURABLE`: the target is the new file, but the directory could not be synced
   * - `FILE_MISSING`, `IS_DIRECTORY`, `NOT_A_FILE`, `NOT_A_DIRECTORY`: for the steps that are called
   *   by themselves
   * - `PATH_NOT_UTF8`: `prepare` would get a path that JavaScript cannot write
   * - `DATABASE_IN_USE`: somebody else has it open, see `openers`; `DATABASE_BUSY`: its lock was not free
   *   within `timeoutMs`; `DATABASE_CHANGED`: another process committed after `build` began: run it again
   * - `NOT_A_DATABASE`, `DATABASE_CORRUPT`, `SQLITE_ERROR`
   * - `BUILD_FAILED`, `VERIFY_FAILED`: see `cause`; `INTEGRITY_CHECK_FAILED`, `FOREIGN_KEY_CHECK_FAILED`
   * - `STAGING_OPEN`, `STAGING_SIDECAR`: somebody still has the new database open
   * - `PAGE_SIZE_MISMATCH`: of a swap in place of a database in WAL mode; `ENCODING_MISMATCH`: of one in
   *   place, whose new text would be in another encoding
   * - `BACKUP_EXISTS`, `BACKUP_NOT_BESIDE`, `BACKUP_NAME_RESERVED`: another name is needed (or, at the step
   *   `recover`, an earlier swap's backup, `path`, must be moved elsewhere first); `TARGET_EXISTS`
   * - `ENVIRONMENT_CLOSING`: the thread or process that called is ending
   * - `INTERNAL_ERROR`: a defect of latchdb's
   */
  readonly code: string;
  /** The step that failed. */
  readonly step: SwapStep | DatabaseSwapStep;
  /** The file or directory that it failed at. */
  readonly path: string;
  /** The name of the system's error, for example "ENOSPC", where the system refused. */
  readonly errno: string | undefined;
  /** Whether the target is the new file, in spite of the error. */
  readonly committed: boolean;
  /** Who has the database open, where that is the error and the system tells. */
  readonly openers: readonly Opener[];
}

/** The option of steps that Windows refuses while another program has the file open. */
export interface RetryOption {
  /** How long to try again, in ms. Default: 8000. Other systems never refuse. */
  retryMs?: number | undefined;
}

/**
 * Has a file's content and size reach the disk: `fsync`; on macOS F_FULLFSYNC, or what of it the file
 * system has; on Windows FlushFileBuffers, for which the file is opened writable.
 *
 * @throws SwapError FILE_IS_OPEN_DATABASE: opening and closing such a file would drop the locks that
 * SQLite has on it (https://sqlite.org/howtocorrupt.html, section 2.2)
 */
export function fsyncFile(path: string): Promise<void>;

/**
 * Has a directory's entries reach the disk: that a file was made in it, renamed or removed. Does
 * nothing on Windows, which has no such call, and where a macOS file system has none.
 *
 * @throws SwapError
 */
export function fsyncDirectory(path: string): Promise<void>;

/**
 * Renames a file, over another one if there is one, so that a power cut leaves the old or the new
 * state: the file is synced first, and its new and old directories afterwards.
 *
 * @throws SwapError FILE_IS_OPEN_DATABASE where this process has either open as a database;
 * NOT_DURABLE with `committed: true` where it is renamed but a directory could not be synced
 */
export function renameDurably(from: string, to: string, options?: RetryOption): Promise<void>;

/**
 * Removes a file; where Windows refuses because another program has it open, again until `retryMs`
 * have passed.
 *
 * @returns false where there was nothing to remove
 * @throws SwapError FILE_IS_OPEN_DATABASE where this process has it open as a database; TARGET_IN_USE
 */
export function removeWithRetry(path: string, options?: RetryOption): Promise<boolean>;
