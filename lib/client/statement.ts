/** The forms in which callers pass statements. */
import type { InArgs, InStatement as CoreStatement, TransactionMode } from "@libsql/core/api";
import type { CallSignal } from "./call-signal";
import { describe } from "./describe";
import { parseSignal } from "./options";
import { OPTIONS, parseStatementOptions, type StatementOptions } from "./statement-options";

/** A statement: SQL, or SQL with arguments and a signal that aborts it. */
export type InStatement =
  CoreStatement | { sql: string; args?: InArgs; signal?: AbortSignal | undefined };

/** A statement of a batch, in any of its three forms. */
export type BatchStatement = InStatement | [string, InArgs?];

/** One statement with its arguments, in the form in which backends send it. */
export interface Statement {
  sql: string;
  args?: InArgs | undefined;
  /** Whether only the first row is wanted. Not a name, which an object of the caller's could have. */
  [FIRST_ROW]?: true;
  /** How it runs, and what its rows are. */
  [OPTIONS]?: StatementOptions | undefined;
}

export const FIRST_ROW = Symbol("first row");

/** The same statement, of which only the first row is wanted. */
export function firstRowOf({ sql, args, [OPTIONS]: options }: Statement): Statement {
  return { sql, args, [OPTIONS]: options, [FIRST_ROW]: true };
}

/** A batch as the caller passed it. */
export interface Batch {
  statements: readonly BatchStatement[];
  mode: TransactionMode;
  foreignKeysOff: boolean;
}

/** Parses the two ways of calling `execute`. */
export function parseStatement(
  stmtOrSql: InStatement,
  args: InArgs | undefined,
): { statement: Statement; signal: CallSignal | undefined } {
  if (typeof stmtOrSql === "string") {
    return { statement: { sql: stmtOrSql, args }, signal: undefined };
  }
  checkStatement(stmtOrSql);
  return { statement: withOptions(stmtOrSql), signal: parseSignal(stmtOrSql) };
}

/** Parses one statement of a batch. */
export function parseBatchStatement(statement: BatchStatement): Statement {
  if (typeof statement === "string") return { sql: statement };
  if (Array.isArray(statement)) return { sql: statement[0], args: statement[1] };
  checkStatement(statement);
  return withOptions(statement);
}

/** The statement with its options, if it has any and they are not parsed yet. */
function withOptions(statement: Statement): Statement {
  const options = parseStatementOptions(statement);
  if (options === undefined) return statement;
  return { sql: statement.sql, args: statement.args, [OPTIONS]: options };
}

/** Statements of which each may run for this long, unless it says otherwise. */
export function limited(
  statements: readonly BatchStatement[],
  queryTimeout: number | undefined,
): readonly BatchStatement[] {
  if (queryTimeout === undefined) return statements;
  return statements.map((given) => {
    const { sql, args, [OPTIONS]: options } = parseBatchStatement(given);
    const own = options?.queryTimeout ?? queryTimeout;
    return { sql, args, [OPTIONS]: { ...options, queryTimeout: own } } as Statement;
  });
}

/**
 * The statements of a batch as an array. As `@libsql/client` does, takes anything with indexes and a
 * `length` for one.
 * @throws TypeError for any other value
 */
export function parseStatements(statements: unknown): readonly BatchStatement[] {
  if (Array.isArray(statements)) return statements as BatchStatement[];
  if (typeof statements === "object" && statements !== null && "length" in statements) {
    return Array.from(statements as ArrayLike<BatchStatement>);
  }
  throw new TypeError(`Expected an array of statements, got ${describe(statements)}`);
}

function checkStatement(statement: unknown): void {
  if (typeof statement === "object" && statement !== null) return;
  throw new TypeError(
    `Expected a statement as SQL or as an object with sql, got ${describe(statement)}`,
  );
}
