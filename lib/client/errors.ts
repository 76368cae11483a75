/** Errors that do not belong to one backend. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import { supportedUrlLink } from "@libsql/core/util";
import { Failure } from "./failure";
import { isNativeError } from "./kinds-of-objects";

/**
 * For a URL whose scheme a client does not support.
 * @param client what the client opens, for the message
 * @param url as the caller gave it: the expanded configuration has "https" for `libsql:`
 */
export function schemeNotSupported(client: string, scheme: string, url?: string): LibsqlError {
  const given = /^[a-z][a-z.+-]*(?=:)/i.exec(url ?? "")?.[0] ?? scheme;
  return new LibsqlError(
    `URL scheme ${JSON.stringify(`${given.toLowerCase()}:`)} is not supported by ${client}. ` +
      `For more information, please read ${supportedUrlLink}`,
    "URL_SCHEME_NOT_SUPPORTED",
  );
}

/** For a call on a client that was closed. */
export function clientClosed(): Failure {
  return new Failure(() => new LibsqlError("The client is closed", "CLIENT_CLOSED"));
}

/** For a call on a transaction that has ended. `cause` is what ended it, if that was an error. */
export function transactionClosed(cause?: Error): Failure {
  return new Failure(
    () =>
      new LibsqlError(
        "The transaction is closed",
        "TRANSACTION_CLOSED",
        undefined,
        undefined,
        cause,
      ),
  );
}

/** For a call of a prepared statement that was closed. */
export function statementClosed(): Failure {
  return new Failure(
    () => new LibsqlError("The prepared statement is closed: prepare it again", "STATEMENT_CLOSED"),
  );
}

/** For a batch in a transaction that has ended. */
export function transactionClosedInBatch(index: number, cause?: Error): Failure {
  return new Failure(
    () =>
      new LibsqlBatchError(
        "The transaction is closed",
        index,
        "TRANSACTION_CLOSED",
        undefined,
        undefined,
        cause,
      ),
  );
}

/** Whether a value is an error, of this realm or of another one (`node:vm`, test runners). */
export function isError(value: unknown): value is Error {
  if (isNativeError(value)) return true;
  try {
    return value instanceof Error;
  } catch {
    // A proxy that does not tell its prototype.
    return false;
  }
}
