/** Statements as hrana-client takes them. */
import type { InArgs, InValue } from "@libsql/core/api";
import { checkSql } from "../client/argument-errors";
import { namedArguments } from "../client/arguments";
import { expandLists, hasList } from "../client/lists";
import { QUOTED } from "../client/quoted";
import { parseBatchStatement, type BatchStatement, type Statement } from "../client/statement";
import { OPTIONS, type StatementOptions } from "../client/statement-options";
import { noOption, noTables, noTimeoutInBatch } from "./option-errors";
import { toWireValue, wellFormed } from "./values";
import type { WireStatement } from "./protocol";

/**
 * Copies a statement and its arguments: its owner may change them while the call waits.
 * @throws Failure for SQL that is no text, for arguments that cannot be sent, and for options that a server has not
 */
export function toWireStatement({ sql, args, [OPTIONS]: options }: Statement): WireStatement {
  checkSql(sql);
  if (options !== undefined) checkOptions(options);
  if (hasList(args)) return toWireStatement({ ...expandLists(sql, args), [OPTIONS]: options });
  const wire = { sql: wellFormed(sql), sqlId: undefined, wantRows: true, ...toWireArguments(args) };
  return options === undefined ? wire : { ...wire, [OPTIONS]: options };
}

/**
 * The statements of a batch.
 * @throws as `toWireStatement` does
 */
export function toWireStatements(statements: readonly BatchStatement[]): WireStatement[] {
  return statements.map((given) => {
    const statement = parseBatchStatement(given);
    if (statement[OPTIONS]?.queryTimeout !== undefined) throw noTimeoutInBatch();
    return toWireStatement(statement);
  });
}

/** A server binds no other arguments than those of a statement: `strict` is always on. */
function checkOptions({ rowMode, readOnly }: StatementOptions): void {
  if (rowMode === "expand") throw noTables();
  if (readOnly === true) throw noOption("readOnly");
}

/** A statement of our own. */
export function command(sql: string): WireStatement {
  return { sql, sqlId: undefined, args: [], namedArgs: [], wantRows: false };
}

function toWireArguments(given: InArgs | undefined): Pick<WireStatement, "args" | "namedArgs"> {
  const args: WireStatement["args"] = [];
  const namedArgs: WireStatement["namedArgs"] = [];
  if (Array.isArray(given)) {
    for (let i = 0; i < given.length; i++) args.push(toWireValue(given[i] as InValue));
    return { args, namedArgs };
  }
  const named = namedArguments(given);
  for (const name in named) namedArgs.push({ name, value: toWireValue(named[name] as InValue) });
  return { args, namedArgs };
}

/** Comments and white space before the first word of a statement. */
const BEFORE_FIRST_WORD = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/)*/;
const READING_WORDS = /^(?:select|values|explain)\b/i;

const KEEPING_WORDS =
  /^(?:begin|select|values|explain|insert|replace|update|delete|with|create|drop|alter|analyze|reindex)\b/i;

/** Whether a transaction is certainly still open behind a statement that has succeeded, by its first word. */
export function keepsTransaction({ sql = "" }: WireStatement): boolean {
  return KEEPING_WORDS.test(sql.replace(BEFORE_FIRST_WORD, ""));
}

/**
 * Whether a statement certainly changes nothing, by its first word: it may be sent a second time when nobody
 * knows whether the first has arrived. After WITH, the word that decides comes later
 * (https://sqlite.org/lang_with.html).
 */
export function onlyReads({ sql = "" }: WireStatement): boolean {
  const text = sql.replace(BEFORE_FIRST_WORD, "");
  if (READING_WORDS.test(text)) return true;
  return /^with\b/i.test(text) && !TCL_VARIABLE.test(text) && !WRITING_WORDS.test(bareWords(text));
}

/** `$name(anything)` is one variable, with the quotes in it (https://sqlite.org/lang_expr.html#varparam). */
const TCL_VARIABLE = /[$@:#][^\s()'"]*\(/;
const WRITING_WORDS = /\b(?:insert|replace|update|delete)\b/i;

const QUOTED_PARTS = new RegExp(QUOTED, "g");

function bareWords(sql: string): string {
  return sql.replace(QUOTED_PARTS, " ");
}
