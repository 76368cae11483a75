/**
 * Rows that are plain objects (`rowMode: "object"`): the named columns, and nothing else. Of two columns
 * with one name, a row has the first. Their result set knows the values of the others, for `toJSON()`.
 */
import type { ResultSet, Row, Value } from "@libsql/core/api";
import { ResultSetImpl } from "@libsql/core/util";
import {
  define,
  evaluate,
  isInherited,
  keysOf,
  type Cells,
  type MakeRows,
  type RowLayout,
} from "./row-layout";

/** The values of columns whose name an earlier column has, by their index. */
const hidden = new WeakMap<object, Value[]>();

/** How rows with these columns are made. */
export function objectRows(names: readonly string[]): RowLayout {
  const keys = keysOf(names);
  const makeRows: MakeRows = (cells, count, rows) => {
    for (let i = 0; i < count; i++) rows.push(rowOf(keys, cells));
  };
  return { makeRows, compile: () => compile(keys) };
}

function rowOf(keys: readonly (string | undefined)[], cells: Cells): Row {
  const row: Record<string, Value> = {};
  for (let column = 0; column < keys.length; column++) {
    const key = keys[column];
    if (key === undefined) hide(row, column, cells.cell());
    else if (isInherited(key)) define(row, key, cells.cell());
    else row[key] = cells.cell();
  }
  return row as Row;
}

/** Compiles one object literal with all columns, so that engines lay the rows out like a class. */
function compile(keys: readonly (string | undefined)[]): MakeRows | undefined {
  const loop = (row: string): string =>
    `return (cells, count, rows) => { for (let i = 0; i < count; i++) { ${row} } };`;
  const literal = (value: (column: number) => string): string => {
    const properties = keys.map((key, column) => {
      if (key === undefined) return "";
      // Names are put into the code as JSON strings only. In brackets, `__proto__` is a name as well.
      const name = JSON.stringify(key);
      return `${key === "__proto__" ? `[${name}]` : name}: ${value(column)},\n`;
    });
    return `{ ${properties.join("")} }`;
  };
  if (!keys.includes(undefined)) {
    const code = loop(`rows.push(${literal(() => "cells.cell()")});`);
    return evaluate(code, {}) as MakeRows | undefined;
  }
  // Cells are read in the order of the columns, those without a property, too.
  const read = keys.map((_, column) => `const c${column} = cells.cell();\n`);
  const hiding = keys.map((key, column) =>
    key === undefined ? `hide(row, ${column}, c${column});\n` : "",
  );
  const row = literal((column) => `c${column}`);
  const code = loop(`${read.join("")} const row = ${row}; ${hiding.join("")} rows.push(row);`);
  return evaluate(code, { hide }) as MakeRows | undefined;
}

function hide(row: object, index: number, value: Value): void {
  const values = hidden.get(row);
  if (values !== undefined) values[index] = value;
  else hidden.set(row, Object.assign([], { [index]: value }));
}

/** A result set whose rows have no indexes. Its JSON is the same as with indexes. */
export class ObjectResultSet extends ResultSetImpl {
  override toJSON(): ReturnType<ResultSet["toJSON"]> {
    const { columns, columnTypes, rowsAffected, lastInsertRowid } = this;
    const keys = keysOf(columns);
    const rows = this.rows.map((row) => keys.map((key, index) => valueOf(row, key, index)));
    // The base class takes the values of a row by their indexes, as an array has them.
    const arrays = rows as unknown as Row[];
    return new ResultSetImpl(columns, columnTypes, arrays, rowsAffected, lastInsertRowid).toJSON();
  }
}

function valueOf(row: Row, key: string | undefined, index: number): Value | undefined {
  if (key === undefined) return hidden.get(row)?.[index];
  return Object.hasOwn(row, key) ? row[key] : undefined;
}
