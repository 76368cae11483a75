/** The values of rows on their way: what JavaScript cannot bind as it is becomes an expression. */
import type { Value } from "../../../types/core.js";

/** A TEXT whose bytes are not UTF-8. */
export class RawText {
  constructor(readonly bytes: ArrayBuffer) {}
}

export type CopiedValue = Value | RawText;

/** A value as an expression of SQL, with the argument that it takes. */
export interface Expression {
  sql: string;
  args: Value[];
}

/** Whether a value is bound as it is. */
export function isPlain(value: CopiedValue): value is Value {
  return !(value instanceof RawText) && value !== Infinity && value !== -Infinity;
}

export function expressionOf(value: CopiedValue): Expression {
  if (value instanceof RawText) return { sql: "CAST(? AS TEXT)", args: [value.bytes] };
  // As `.dump` writes infinity: no argument can be infinite.
  if (value === Infinity) return { sql: "9.0e+999", args: [] };
  if (value === -Infinity) return { sql: "-9.0e+999", args: [] };
  return { sql: "?", args: [value] };
}
