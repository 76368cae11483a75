/**
 * Rows with an object for each table (`rowMode: "expand"`): `{ table: { column: value } }`. The columns of
 * no table are under "$". Of two columns of one table with one name, a row has the first.
 */
import type { Row, Value } from "@libsql/core/api";
import {
  define,
  evaluate,
  isInherited,
  keysOf,
  type Cells,
  type MakeRows,
  type RowLayout,
} from "./row-layout";

/** The key of the columns of no table. */
const NO_TABLE = "$";

/** A column's place in a row. `name` is undefined where an earlier column of the table has it. */
interface Place {
  readonly table: string;
  readonly name: string | undefined;
}

/** How rows with these columns, of these tables, are made. */
export function expandedRows(
  names: readonly string[],
  tables: readonly string[] | undefined,
): RowLayout {
  const places = placesOf(names, tables);
  const makeRows: MakeRows = (cells, count, rows) => {
    for (let i = 0; i < count; i++) rows.push(rowOf(places, cells));
  };
  return { makeRows, compile: () => compile(places) };
}

function placesOf(names: readonly string[], tables: readonly string[] | undefined): Place[] {
  const of = names.map((_, column) => tables?.[column] || NO_TABLE);
  const keys = new Map<number, string | undefined>();
  for (const table of new Set(of)) {
    const columns = [...names.keys()].filter((column) => of[column] === table);
    const named = keysOf(columns.map((column) => names[column] as string));
    columns.forEach((column, index) => keys.set(column, named[index]));
  }
  return of.map((table, column) => ({ table, name: keys.get(column) }));
}

function rowOf(places: readonly Place[], cells: Cells): Row {
  const row: Record<string, Record<string, Value>> = {};
  for (const { table, name } of places) {
    const value = cells.cell();
    if (!Object.hasOwn(row, table)) set(row, table, {} as unknown as Value);
    if (name !== undefined) set(row[table] as Record<string, Value>, name, value);
  }
  return row as unknown as Row;
}

function set(object: object, key: string, value: Value): void {
  if (isInherited(key)) define(object, key, value);
  else (object as Record<string, Value>)[key] = value;
}

/** Compiles one object literal with all tables, so that engines lay the rows out like a class. */
function compile(places: readonly Place[]): MakeRows | undefined {
  // Names are put into the code as JSON strings only. In brackets, `__proto__` is a name as well.
  const keyOf = (name: string): string =>
    name === "__proto__" ? `[${JSON.stringify(name)}]` : JSON.stringify(name);
  // Cells are read in the order of the columns.
  const read = places.map((_, column) => `const c${column} = cells.cell();\n`);
  const tables = [...new Set(places.map(({ table }) => table))].map((wanted) => {
    const properties = places.map(({ table, name }, column) =>
      table === wanted && name !== undefined ? `${keyOf(name)}: c${column},\n` : "",
    );
    return `${keyOf(wanted)}: { ${properties.join("")} },\n`;
  });
  const row = `${read.join("")} rows.push({ ${tables.join("")} });`;
  const code = `return (cells, count, rows) => { for (let i = 0; i < count; i++) { ${row} } };`;
  return evaluate(code, {}) as MakeRows | undefined;
}
