/**
 * Copies of the statements of calls that wait: a caller may change its arguments as soon as it has made the
 * call, for example fill the same buffer for the next one.
 */
import type { InArgs, InValue } from "@libsql/core/api";
import { namedArguments } from "./arguments";
import { isAnyArrayBuffer, isDate } from "./kinds-of-objects";
import {
  FIRST_ROW,
  firstRowOf,
  parseBatchStatement,
  type Batch,
  type Statement,
} from "./statement";
import { OPTIONS } from "./statement-options";

/** A copy of a statement and of its arguments. Runs the caller's code, if the arguments have getters. */
export function keptStatement(statement: Statement): Statement {
  const options = statement[OPTIONS];
  const kept = { sql: statement.sql, args: keptArguments(statement.args), [OPTIONS]: options };
  return statement[FIRST_ROW] === true ? firstRowOf(kept) : kept;
}

/** A copy of a batch and of all arguments. */
export function keptBatch(batch: Batch): Batch {
  const statements = batch.statements.map((statement) =>
    keptStatement(parseBatchStatement(statement)),
  );
  return { ...batch, statements };
}

function keptArguments(given: InArgs | undefined): InArgs | undefined {
  if (Array.isArray(given)) {
    const values: InValue[] = [];
    for (let i = 0; i < given.length; i++) values.push(keptArgument(given[i] as InValue));
    return values;
  }
  const args = namedArguments(given);
  if (args === undefined) return undefined;
  // Without a prototype, `__proto__` is a name as well.
  const named = Object.create(null) as Record<string, InValue>;
  for (const name in args) named[name] = keptValue(args[name] as InValue);
  return named;
}

/** A list is copied with its values. */
function keptArgument(argument: InValue): InValue {
  if (!Array.isArray(argument)) return keptValue(argument);
  return (argument as InValue[]).map(keptValue) as unknown as InValue;
}

/** Values that cannot be changed, or that cannot be bound, stay as they are. */
function keptValue(value: InValue): InValue {
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) {
    if (value.byteLength === 0) return new Uint8Array();
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
  }
  if (isAnyArrayBuffer(value)) return new Uint8Array(value).slice();
  return isDate(value) ? new Date(value.valueOf()) : value;
}
