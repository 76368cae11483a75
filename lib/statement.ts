/** The forms in which a statement may be given. */
import type { InArgs, InStatement as CoreStatement } from "@libsql/core/api";
import type { StatementToWrite } from "./wire/request";

/** A statement: SQL, or SQL with arguments and a signal that aborts it. */
export type InStatement =
  CoreStatement | { sql: string; args?: InArgs; signal?: AbortSignal | undefined };

/** A statement as it is written, and its signal. */
export interface GivenStatement {
  statement: StatementToWrite;
  signal: AbortSignal | undefined;
}

/**
 * The signal that a call was given, if any.
 * @throws TypeError for what is no AbortSignal
 */
export function givenSignal(options: object | undefined): AbortSignal | undefined {
  const signal = (options as SignalOption | undefined)?.signal ?? undefined;
  if (signal !== undefined && typeof signal.addEventListener !== "function") {
    throw new TypeError("signal must be an AbortSignal");
  }
  return signal;
}

/** Reads the two ways of calling `execute`. */
export function givenStatement(stmtOrSql: InStatement, args: InArgs | undefined): GivenStatement {
  if (typeof stmtOrSql === "string") {
    return { statement: { sql: stmtOrSql, args }, signal: undefined };
  }
  if (typeof stmtOrSql !== "object" || stmtOrSql === null) {
    const got = stmtOrSql === null ? "null" : typeof stmtOrSql;
    throw new TypeError(`Expected a statement as SQL or as an object with sql, got ${got}`);
  }
  return { statement: stmtOrSql, signal: givenSignal(stmtOrSql) };
}

/** An option of the calls that take no statement object. */
export interface SignalOption {
  /** Aborts the call: it rejects with the signal's reason, unless it was done already. */
  signal?: AbortSignal | undefined;
}
