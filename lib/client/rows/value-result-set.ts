/** Results whose rows are no lists of values: single values, and objects of objects. */
import type { ResultSet, Row, Value } from "@libsql/core/api";
import { ResultSetImpl } from "@libsql/core/util";

/** A result set whose rows have in its JSON the form that they have, with each value as in other results. */
export class ValueResultSet extends ResultSetImpl {
  override toJSON(): ReturnType<ResultSet["toJSON"]> {
    const { columns, columnTypes, rowsAffected, lastInsertRowid } = this;
    const none = new ResultSetImpl(
      columns,
      columnTypes,
      [],
      rowsAffected,
      lastInsertRowid,
    ).toJSON();
    return { ...none, rows: this.rows.map((row) => jsonOf(row)) };
  }
}

function jsonOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof ArrayBuffer) {
    return valueToJson(value);
  }
  const isRow = Object.getPrototypeOf(value) === Object.prototype;
  if (!isRow) return value;
  const entries = Object.entries(value).map(([name, inner]) => [name, jsonOf(inner)] as const);
  return Object.fromEntries(entries);
}

/** The class has the conversion of a row of one value. */
function valueToJson(value: unknown): unknown {
  const row = [value as Value] as unknown as Row;
  const { rows } = new ResultSetImpl([], [], [row], 0, undefined).toJSON() as { rows: unknown[][] };
  return rows[0]?.[0];
}
