/** Makes the results of statements. */
import type { ResultSet, Row } from "@libsql/core/api";
import { ResultSetImpl } from "@libsql/core/util";
import type { RowMode } from "../../../index.js";
import { ObjectResultSet } from "./object-rows";
import type { Shape } from "./rows";
import { ValueResultSet } from "./value-result-set";

/** What a statement has done, besides its rows. */
export interface Effects {
  rowsAffected: number;
  lastInsertRowid: bigint | undefined;
}

/** The result of a statement. `shape` is undefined if the statement has no columns. */
export function resultSetOf(
  shape: Shape | undefined,
  { rowsAffected, lastInsertRowid }: Effects,
  rows: Row[],
  mode: RowMode,
): ResultSet {
  const Result = classOf(mode);
  const names = shape === undefined ? [] : shape.names.slice();
  const declaredTypes = shape === undefined ? [] : shape.declaredTypes.slice();
  return new Result(names, declaredTypes, rows, rowsAffected, lastInsertRowid);
}

function classOf(mode: RowMode): typeof ResultSetImpl {
  switch (mode) {
    case "object":
      return ObjectResultSet;
    case "pluck":
    case "expand":
      return ValueResultSet;
    default:
      return ResultSetImpl;
  }
}
