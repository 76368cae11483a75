/** Descriptions of statements, as servers give them: they tell no tables. */
import type { StatementDescription } from "../../index.js";
import type { WireDescription } from "./protocol";

export function toDescription({ cols, params, isReadonly }: WireDescription): StatementDescription {
  return {
    columns: cols.map(({ name, decltype }) => ({
      name,
      declaredType: decltype ?? null,
      database: null,
      table: null,
      column: null,
    })),
    parameters: params.map(({ name }) => name ?? null),
    readOnly: isReadonly,
  };
}
