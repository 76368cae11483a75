/** Why calls of local clients fail, and the conversion of the native side's errors into that. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import { addon } from "../../addon/addon";
import { publishPanics } from "../../addon/panics";
import type { CallSignal } from "../../client/call-signal";
import { isError } from "../../client/errors";
import { Failure } from "../../client/failure";
import { ConverterFailure } from "../../client/converters";
import { ErrorKind } from "../wire/kinds";
import type { NativeError } from "../wire/response";

export { clientClosed, transactionClosed, transactionClosedInBatch } from "../../client/errors";

/** SQLite's result codes (https://sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;
const SQLITE_CANTOPEN = 14;
const CLIENT_CLOSED = "CLIENT_CLOSED";
const INTERNAL_ERROR = "INTERNAL_ERROR";

/** Why a cursor was not opened: the statement does more than to read rows. It has had no effect. */
export const NO_CURSOR = Symbol("NO_CURSOR");

/** The kinds of errors that this version knows. */
const KINDS: ReadonlySet<number> = new Set(Object.values(ErrorKind));

/**
 * SQLite's own error, the `cause` of a LibsqlError. Its `code` is the name of the extended result code,
 * its `rawCode` that code.
 */
export class SqliteError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly rawCode: number,
  ) {
    super(message);
  }
}
// On the prototype, as it is with Error itself: not among the error's own keys.
Object.defineProperty(SqliteError.prototype, "name", { value: "SqliteError" });

/**
 * Converts an error of the native side into a failure, or into the reason of `signal`, the signal of the
 * call, if that has aborted it. `committed` says whether some of the call's changes are committed
 * nevertheless.
 */
export function failureOf(
  native: NativeError,
  { signal, committed = false }: { signal?: CallSignal | undefined; committed?: boolean } = {},
): unknown {
  // The reason is the caller's object: it gets no `committed` property.
  if (native.kind === ErrorKind.Aborted && signal !== undefined) return signal.reason;
  if (native.code === NO_CURSOR.description) return NO_CURSOR;
  if (!KINDS.has(native.kind)) throw unknownRecord(native.kind);
  if (native.code === INTERNAL_ERROR) publishPanics(addon);
  return new Failure(() => {
    const error = fromNative(native);
    return committed ? Object.assign(error, { committed }) : error;
  });
}

function fromNative(native: NativeError): Error {
  const { offset, lines } = native;
  if (native.kind === ErrorKind.Range) return new RangeError(native.message);
  // The first line stays as it is: programs match it.
  const message = lines === "" ? native.message : `${native.message}\n${lines}`;
  const isSqlite = native.rawCode !== 0;
  const extendedCode = isSqlite ? native.extendedCode : undefined;
  const rawCode = isSqlite ? native.rawCode : undefined;
  const cause = isSqlite
    ? new SqliteError(native.message, native.extendedCode, native.rawCode)
    : undefined;
  const error =
    native.statementIndex < 0
      ? new LibsqlError(message, native.code, extendedCode, rawCode, cause)
      : new LibsqlBatchError(
          message,
          native.statementIndex,
          native.code,
          extendedCode,
          rawCode,
          cause,
        );
  if (offset === undefined) return error;
  if (cause !== undefined) Object.assign(cause, { offset });
  return Object.assign(error, { offset });
}

/** Whether the call was cancelled by the closing of its client. */
export function isClientClosed({ code }: NativeError): boolean {
  return code === CLIENT_CLOSED;
}

/**
 * For an answer that could not be read, because memory was short or because of a defect. `committed`
 * says whether the call's changes are committed nevertheless: a retry would then make them twice. What a
 * converter has thrown is the error itself.
 */
export function unreadableAnswer(cause: unknown, committed: boolean): Failure {
  if (cause instanceof ConverterFailure) return committed ? cause.committed() : cause;
  const what = committed
    ? "it has been carried out and is committed, but its answer could not be read"
    : "its answer could not be read";
  const text = `${what}: ${textOf(cause)}`;
  const given = isError(cause) ? cause : undefined;
  return new Failure(() => {
    const error = new LibsqlError(text, "ANSWER_UNREADABLE", undefined, undefined, given);
    return committed ? Object.assign(error, { committed }) : error;
  });
}

/** For a number on the wire that this version does not know: the addon is of another version. */
export function unknownRecord(kind: number): Error {
  return new Error(
    `the addon answered in a way (${kind}) that this version does not know; install latchdb again`,
  );
}

function textOf(thrown: unknown): string {
  return isError(thrown) ? thrown.message : typeof thrown;
}

/** For a relative path if the working directory no longer exists; the addon has the same text. */
export function cannotOpen(path: string, reason: unknown): Failure {
  const text = `cannot open the database file ${path}: ${(reason as Error).message}. Change to a directory that is there, or give an absolute path`;
  return sqliteFailure(text, "SQLITE_CANTOPEN", SQLITE_CANTOPEN);
}

/** For reopening a client of `build` or `verify` after its file is gone. */
export function clientRetired(): Failure {
  return failure(
    "The client is closed for good: it was there for a swap's build or verify, which is over. " +
      "Make one of your own with createClient()",
    CLIENT_CLOSED,
  );
}

/** For a call on a pool that was never opened. */
export function neverOpened(): Failure {
  return failure(
    "The client was never opened: make one with createClient()",
    "CLIENT_NEVER_OPENED",
  );
}

/** For further rows of a cursor that has lost its connection. */
export function cursorClosed(): Failure {
  return failure(
    "The statement of this iterator is not open any more: its connection was closed. Run it again.",
    "CURSOR_CLOSED",
  );
}

/** For a call while open transactions hold every connection. */
export function allHeld(
  maxConnections: number,
  { open, waiting, idleMs }: { open: number; waiting: number; idleMs: number } = NO_WAIT,
): Failure {
  return failure(
    maxConnections === 1
      ? "This client has a single connection, which an open transaction is holding. " +
          "In-memory databases and embedded replicas cannot have more than one. " +
          "Commit or roll back the transaction before using the client again."
      : `All ${maxConnections} connections for transactions are in use: ${open} transactions are open, the ` +
          `longest idle for ${Math.round(idleMs)} ms, and ${waiting} wait to begin. ` +
          "Commit or roll back one, or raise `concurrency`.",
    "TRANSACTION_ACTIVE",
  );
}

const NO_WAIT = { open: 1, waiting: 0, idleMs: 0 };

/** For a call of a client that has as many unanswered ones as it may have. */
export function queueFull(most: number): Failure {
  return failure(
    `This client has as many unanswered calls as \`maxQueue\` allows: ${most}. ` +
      "Call it again once some of them have their answer, or raise `maxQueue`.",
    "QUEUE_FULL",
  );
}

/** For a suspension whose wait for calls or open transactions has reached its limit. */
export function stillActive(transactions: number, waitedMs: number): Failure {
  const what =
    transactions === 0
      ? "an earlier call still runs. Wait for that call, or abort it"
      : `${transactions} of its transactions ${transactions === 1 ? "is" : "are"} still open. ` +
        "Commit or roll back; the owner of a transaction must not wait for a call of the client " +
        "outside of it";
  return failure(
    `The client could not be suspended within ${waitedMs} ms: ${what}, or allow more time. ` +
      "Nothing was changed, and the client goes on.",
    "TRANSACTION_ACTIVE",
  );
}

/** For the suspension of a client whose data exists on its connection only. */
export function notAFile(): Failure {
  return failure(
    "The database of this client is in memory, or a temporary one: there is no file that could be " +
      "replaced, and its data would be lost with its connection",
    "NOT_A_FILE",
  );
}

/** For the suspension of a client that has TEMP tables or other state of its connection. */
export function hasConnectionState(): Failure {
  return failure(
    "This client has used TEMP tables, ATTACH or PRAGMA locking_mode = exclusive: what these made is " +
      "on its connection, and would be lost. Call reconnect(), which drops it, and try again, or use " +
      "a client of its own for such things.",
    "CONNECTION_STATE",
  );
}

/** For a call that waited for the only connection while an idle transaction held it. */
export function heldByOwnTransaction(waitedMs: number): Failure {
  return locked(
    "a transaction of this client holds its only connection and has been " +
      `idle for ${waitedMs} ms; commit or roll it back before using the client outside of it`,
  );
}

/** For a batch that waited for the end of an idle transaction begun by `execute("BEGIN")`. */
export function heldByExplicitTransaction(waitedMs: number): Failure {
  return locked(
    'a transaction that execute("BEGIN") has begun on this client has been idle for ' +
      `${waitedMs} ms; COMMIT or ROLLBACK it, by execute(), before batch() or migrate() is called`,
  );
}

function locked(why: string): Failure {
  return sqliteFailure(`database is locked: ${why}`, "SQLITE_BUSY", SQLITE_BUSY);
}

function sqliteFailure(text: string, code: string, rawCode: number): Failure {
  return new Failure(
    () => new LibsqlError(text, code, code, rawCode, new SqliteError(text, code, rawCode)),
  );
}

function failure(text: string, code: string): Failure {
  return new Failure(() => new LibsqlError(text, code));
}
