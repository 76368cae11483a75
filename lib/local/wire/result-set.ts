/** Makes the results of statements. */
import type { ResultSet, Row } from "@libsql/core/api";
import { ResultSetImpl } from "@libsql/core/util";
import type { RowMode } from "../../../index.js";
import { ObjectResultSet } from "./object-rows";
import type { StatementEnd } from "./response";
import type { Shape } from "./rows";

/** The result of a statement. `shape` is undefined if the statement has no columns. */
export function resultSetOf(
  shape: Shape | undefined,
  { rowsAffected, lastInsertRowid }: StatementEnd,
  rows: Row[],
  mode: RowMode,
): ResultSet {
  const Result = mode === "object" ? ObjectResultSet : ResultSetImpl;
  const names = shape === undefined ? [] : shape.names.slice();
  const declaredTypes = shape === undefined ? [] : shape.declaredTypes.slice();
  return new Result(names, declaredTypes, rows, rowsAffected, lastInsertRowid);
}
