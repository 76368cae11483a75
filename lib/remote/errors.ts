/** Why calls of remote clients fail. */
import * as hrana from "@libsql/hrana-client";
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import { Failure } from "../client/failure";
import { withSql } from "../client/shortened-sql";
import { ConverterFailure } from "../client/converters";
import type { WireError } from "./protocol";

/**
 * What is known about a request that has failed.
 *
 * - "answered": the server has answered it with an error.
 * - "unsent": it has certainly not been carried out. It may be sent again.
 * - "lost": nobody knows whether it was carried out.
 */
export type Outcome = "answered" | "unsent" | "lost";

/** Whether an unsent request can be sent again: on another connection, or once the server may be back. */
export type Retry = "never" | "at once" | "later";

/** Why a request has failed. Its stream is over, too. */
export class RequestFailure extends Failure {
  readonly outcome: Outcome;
  readonly retry: Retry;

  constructor(outcome: Outcome, make: () => LibsqlError, retry: Retry = "never") {
    super(
      outcome === "lost" ? () => Object.assign(make(), { maybeCommitted: true as const }) : make,
    );
    this.outcome = outcome;
    this.retry = retry;
  }
}

/** For an answer over HTTP with the status of an error. */
export class StatusFailure extends RequestFailure {
  readonly status: number;

  constructor(status: number, outcome: Outcome, make: () => LibsqlError) {
    super(outcome, make);
    this.status = status;
  }
}

/** Codes by which a server says that it has ended the transaction, or the connection to the database. */
const ENDED_BY_SERVER = new Set(["STREAM_EXPIRED", "TRANSACTION_TIMEOUT"]);

/** For a statement that the server has refused. */
export function statementFailure(error: WireError): Failure {
  const { message, code } = error;
  const make = (): LibsqlError =>
    new LibsqlError(message, code ?? UNKNOWN, undefined, undefined, responseError(message, code));
  return code !== undefined && REFUSED_TEXT.has(code)
    ? new RefusedText(error, make)
    : refused(code, make);
}

/** The same for a statement of a batch. `sql` is its text, to be shown; undefined for one that is not shown. */
export function batchFailure(
  { message, code }: WireError,
  index: number,
  sql: string | undefined,
): Failure {
  return refused(
    code,
    () =>
      new LibsqlBatchError(
        sql === undefined ? message : withSql(message, sql),
        index,
        code ?? UNKNOWN,
        undefined,
        undefined,
        responseError(message, code),
      ),
  );
}

/** Codes by which a server refuses a text before it runs anything: in a batch, all of it. */
const REFUSED_TEXT = new Set(["SQL_PARSE_ERROR", "SQL_NO_STATEMENT", "SQL_MANY_STATEMENTS"]);

/** Why a server has refused a text. Nothing of its request was run. */
export class RefusedText extends Failure {
  readonly error: WireError;

  constructor(error: WireError, make: () => LibsqlError) {
    super(make);
    this.error = error;
  }

  /** The same for the statement of a batch that has this text. */
  at(index: number, sql: string | undefined): Failure {
    return batchFailure(this.error, index, sql);
  }
}

function refused(code: string | undefined, make: () => LibsqlError): Failure {
  const isOver = code !== undefined && ENDED_BY_SERVER.has(code);
  return isOver ? new RequestFailure("answered", make) : new Failure(make);
}

/** For a statement that was not run, because the transaction was over: the one before has ended it. */
export function statementNotRun(index: number): Failure {
  return new Failure(() => new LibsqlBatchError(NOT_RUN, index, "TRANSACTION_CLOSED"));
}

/** The same for a batch that is the rest of a longer one, behind so many statements. */
export function statementsBefore(count: number, reason: unknown): unknown {
  if (!(reason instanceof Failure)) return reason;
  return new Failure(() => {
    const error = reason.make();
    if (!(error instanceof LibsqlBatchError)) return error;
    return Object.assign(error, { statementIndex: error.statementIndex + count });
  });
}

/** For a COMMIT that was not run, because the transaction was over. */
export function commitNotRun(): Failure {
  return new Failure(() => new LibsqlError(NOT_COMMITTED, "TRANSACTION_CLOSED"));
}

/** For a call that is committed, and whose result cannot be read. */
export function committedFailure(reason: unknown): unknown {
  if (reason instanceof ConverterFailure) return reason.committed();
  if (!(reason instanceof Failure)) return reason;
  return new Failure(() => Object.assign(reason.make(), { committed: true as const }));
}

/** For a script that has failed: the statements before the one that failed may be committed. */
export function scriptFailure(reason: unknown): unknown {
  if (!(reason instanceof Failure)) return reason;
  return new Failure(() => Object.assign(reason.make(), { maybeCommitted: true as const }));
}

/** For a call of a transaction whose connection to the database is lost. */
export function transactionLost(lost: Failure, isCommit: boolean): Failure {
  if (lost instanceof TimedOut && !isCommit) return lost.inTransaction();
  return new Failure(() => {
    const cause = lost.make() as LibsqlError;
    const isUnknown = isCommit && (cause as { maybeCommitted?: true }).maybeCommitted === true;
    const what = isUnknown
      ? "nobody knows whether it was committed: look into the database before trying again"
      : "the server rolls it back";
    const error = new LibsqlError(
      `The transaction has lost its connection to the database; ${what}. ${cause.message}`,
      "TRANSACTION_CLOSED",
      undefined,
      undefined,
      cause,
    );
    return isUnknown ? Object.assign(error, { maybeCommitted: true as const }) : error;
  });
}

/** For an error of hrana-client: the same codes as `@libsql/client` gives. */
export function hranaFailure(
  error: hrana.ClientError,
  outcome: Outcome,
  retry?: Retry,
): RequestFailure {
  const make = (): LibsqlError => {
    const text = outcome === "lost" ? `${error.message}. ${MAYBE}` : error.message;
    return new LibsqlError(text, codeOfHrana(error), undefined, undefined, error);
  };
  return new RequestFailure(outcome, make, retry);
}

/** For rows whose end the server, or what is before it, has not sent. */
export function rowsCutOff(): RequestFailure {
  return hranaFailure(
    new hrana.ProtoError("The server's answer has ended before the last row"),
    "lost",
  );
}

function codeOfHrana(error: hrana.ClientError): string {
  if (error instanceof hrana.ResponseError) return error.code ?? UNKNOWN;
  if (error instanceof hrana.ProtoError) return "HRANA_PROTO_ERROR";
  if (error instanceof hrana.ClosedError) {
    return error.cause instanceof hrana.ClientError
      ? codeOfHrana(error.cause)
      : "HRANA_CLOSED_ERROR";
  }
  if (error instanceof hrana.WebSocketError) return "HRANA_WEBSOCKET_ERROR";
  if (error instanceof hrana.HttpServerError) return "SERVER_ERROR";
  if (error instanceof hrana.ProtocolVersionError) return "PROTOCOL_VERSION_ERROR";
  return error instanceof hrana.InternalError ? "INTERNAL_ERROR" : UNKNOWN;
}

/** Why a call has failed that the server has not answered in time. */
export class TimedOut extends RequestFailure {
  readonly #text: string;

  constructor(limitMs: number, url: string, isSent: boolean) {
    const text = isSent
      ? `${url} has not answered within ${limitMs} ms (queryTimeout)`
      : `the call was not sent to ${url} within ${limitMs} ms (queryTimeout)`;
    const message = isSent ? `${text}. ${MAYBE}` : text;
    super(isSent ? "lost" : "unsent", () => new LibsqlError(message, "SQLITE_INTERRUPT"));
    this.#text = text;
  }

  /** The same for an operation of a transaction. */
  inTransaction(): Failure {
    const text = `${this.#text}. The transaction is over, and the server rolls it back`;
    return new Failure(() => new LibsqlError(text, "SQLITE_INTERRUPT"));
  }
}

/** For `sync()`: there is nothing to synchronize. */
export function syncNotSupported(protocol: string): Failure {
  return new Failure(
    () => new LibsqlError(`sync not supported in ${protocol} mode`, "SYNC_NOT_SUPPORTED"),
  );
}

/** For what is done with a file: the server has it. */
export function notAFile(url: string, advice: string): Failure {
  return new Failure(
    () =>
      new LibsqlError(
        `The database of this client is on a server (${url}): ${advice}`,
        "NOT_A_FILE",
      ),
  );
}

export const MAYBE =
  "The server may have carried the request out: look into the database before trying again";

const UNKNOWN = "UNKNOWN";
const NOT_RUN =
  "The statement was not run, because the transaction was over: a statement before it has ended it";
const NOT_COMMITTED =
  "There was no transaction to commit any more: one of its statements has ended it";

/** The cause of an error that the server has sent, as `@libsql/client` has it. */
function responseError(message: string, code: string | undefined): Error {
  return new hrana.ResponseError(message, { message, code });
}

/** For a token or key that no header of HTTP can carry. The message has not its value. */
export function badToken(option: string): RequestFailure {
  return new RequestFailure(
    "unsent",
    () =>
      new LibsqlError(
        `${option} has characters that a header of HTTP cannot have: is there a line break in it?`,
        "AUTH_TOKEN_INVALID",
      ),
  );
}
