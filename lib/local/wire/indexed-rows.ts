/**
 * Rows with indexes and `length`. The rows of a result share a class: named columns are own, enumerable
 * properties; indexes and `length` are on the prototype.
 *
 * The prototype has copies of Object.prototype's properties (except `__proto__`), and its own
 * prototype is null. The usual tests for a plain object therefore accept a row.
 */
import { inspect } from "node:util";
import type { Row, Value } from "@libsql/core/api";
import type { CellReader } from "./response";
import { define, evaluate, isInherited, keysOf, type MakeRows, type RowLayout } from "./row-layout";

/** Values of columns whose name is taken: by an earlier column, an index or `length`. */
const hidden = Symbol("columns without a name of their own");

/** How rows with these columns are made. */
export function indexedRows(names: readonly string[]): RowLayout {
  const keys = keysOf(names, ["length", ...names.keys()].map(String));
  const prototype = prototypeOf(keys);
  const makeRows: MakeRows = (cells, count, rows) => {
    for (let i = 0; i < count; i++) rows.push(rowOf(keys, prototype, cells));
  };
  return { makeRows, compile: () => compile(keys, prototype) };
}

function rowOf(keys: readonly (string | undefined)[], prototype: object, cells: CellReader): Row {
  const row = Object.create(prototype) as Record<string, Value>;
  for (let column = 0; column < keys.length; column++) {
    const key = keys[column];
    if (key === undefined) hide(row, column, cells.cell());
    else if (isInherited(key)) define(row, key, cells.cell());
    else row[key] = cells.cell();
  }
  return row as unknown as Row;
}

function prototypeOf(keys: readonly (string | undefined)[]): object {
  const descriptors: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(Object.prototype);
  delete descriptors["__proto__"];
  const prototype: object = Object.create(null, descriptors);
  keys.forEach((key, index) => {
    const get =
      key === undefined
        ? function (this: Record<typeof hidden, Value[]>): Value | undefined {
            return this[hidden]?.[index];
          }
        : function (this: Record<string, Value>): Value | undefined {
            return this[key];
          };
    Object.defineProperty(prototype, index, { get });
  });
  Object.defineProperty(prototype, "length", { value: keys.length });
  Object.defineProperty(prototype, inspect.custom, {
    value(this: object) {
      return { ...this };
    },
  });
  return prototype;
}

/** Compiles a constructor that sets all columns, so that engines lay the rows out like a class. */
function compile(keys: readonly (string | undefined)[], prototype: object): MakeRows | undefined {
  const columns = keys.map((key, index) => {
    // Names are put into the code as JSON strings only.
    if (key === undefined) return `hide(this, ${index}, cells.cell());`;
    const literal = JSON.stringify(key);
    if (isInherited(key)) return `define(this, ${literal}, cells.cell());`;
    return `this[${literal}] = cells.cell();`;
  });
  const code = `
    function Row(cells) { ${columns.join("\n")} }
    Row.prototype = prototype;
    return (cells, count, rows) => { for (let i = 0; i < count; i++) rows.push(new Row(cells)); };`;
  return evaluate(code, { prototype, hide, define }) as MakeRows | undefined;
}

function hide(row: object, index: number, value: Value): void {
  const holder = row as { [hidden]?: Value[] };
  if (holder[hidden] === undefined) Object.defineProperty(row, hidden, { value: [] });
  const values = holder[hidden];
  if (values !== undefined) values[index] = value;
}
