/**
 * Rows with indexes and `length`. The rows of a result share a class: named columns are own, enumerable
 * properties; indexes and `length` are on the prototype.
 *
 * The usual tests for a plain object accept a row. The prototype has copies of Object.prototype's
 * properties (except `__proto__`), and its own prototype is null, for lodash, Redux and React. Asked
 * for the names of its properties, it answers those of Object.prototype, for turbo-stream (React
 * Router) and devalue (SvelteKit, Nuxt).
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

/** The method that `util.inspect` calls (https://nodejs.org/api/util.html#utilinspectcustom). */
const inspectCustom = Symbol.for("nodejs.util.inspect.custom");

/** Values of columns whose name is taken: by an earlier column, an index or `length`. */
const hidden = Symbol("columns without a name of their own");

/** How rows with these columns are made. */
export function indexedRows(names: readonly string[]): RowLayout {
  const keys = keysOf(names, ["length", ...names.keys()].map(String));
  const prototype = sharedPrototype(keys);
  const makeRows: MakeRows = (cells, count, rows) => {
    for (let i = 0; i < count; i++) rows.push(rowOf(keys, prototype, cells));
  };
  return { makeRows, compile: () => compile(keys, prototype) };
}

function rowOf(keys: readonly (string | undefined)[], prototype: object, cells: Cells): Row {
  const row: Record<string, Value> = {};
  for (let column = 0; column < keys.length; column++) {
    const key = keys[column];
    if (key === undefined) hide(row, column, cells.cell());
    else if (isInherited(key)) define(row, key, cells.cell());
    else row[key] = cells.cell();
  }
  // At the end: an assignment would ask the prototype first, which is a proxy.
  Object.setPrototypeOf(row, prototype);
  return row as unknown as Row;
}

/**
 * The prototypes that rows still have, by the columns. Rows with the same columns have the same prototype,
 * whichever client they come from: `isDeepStrictEqual` compares prototypes, too.
 */
const prototypes = new Map<string, WeakRef<object>>();
/** Undefined where the runtime has none (Cloudflare Workers, by their compatibility date). */
const collected =
  typeof FinalizationRegistry === "undefined"
    ? undefined
    : new FinalizationRegistry<string>((columns) => {
        if (prototypes.get(columns)?.deref() === undefined) prototypes.delete(columns);
      });

function sharedPrototype(keys: readonly (string | undefined)[]): object {
  const columns = JSON.stringify(keys);
  const known = prototypes.get(columns)?.deref();
  if (known !== undefined) return known;
  const prototype = prototypeOf(keys);
  if (collected === undefined) return prototype;
  prototypes.set(columns, new WeakRef(prototype));
  collected.register(prototype, columns);
  return prototype;
}

const namesOfObjectPrototype = Object.getOwnPropertyNames(Object.prototype);

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
    Object.defineProperty(prototype, index, { get, configurable: true });
  });
  Object.defineProperty(prototype, "length", { value: keys.length, configurable: true });
  Object.defineProperty(prototype, inspectCustom, {
    value(this: object) {
      return { ...this };
    },
    configurable: true,
  });
  // A proxy may leave out what is configurable.
  return new Proxy(prototype, { ownKeys: () => namesOfObjectPrototype });
}

/**
 * Compiles a function whose rows are laid out like the objects of a class, as fast as object literals: a
 * class whose base constructor returns the object that its fields are then defined on. A literal with a
 * prototype takes three times as long on Node 20, and six times on Node 24.
 */
function compile(keys: readonly (string | undefined)[], prototype: object): MakeRows | undefined {
  const isHidden = keys.includes(undefined);
  const fields = keys.map((key, index) => {
    if (key === undefined) return "";
    // Names are put into the code as JSON strings only. In brackets, `constructor` is a name as well.
    const name = JSON.stringify(key);
    const field = key === "constructor" ? `[${name}]` : name;
    return `${field} = ${isHidden ? `c${index}` : "cells.cell()"};\n`;
  });
  // Engines reserve room for the properties that a constructor seems to assign.
  const room = keys.map((_, index) => `this.p${index} = 0;`);
  // Cells are read in the order of the columns, those without a property, too.
  const read = keys.map((_, index) => `c${index} = cells.cell();\n`);
  const hiding = keys.map((key, index) =>
    key === undefined ? `hide(row, ${index}, c${index});\n` : "",
  );
  const code = `
    let cells;
    ${isHidden ? `let ${keys.map((_, index) => `c${index}`).join(", ")};` : ""}
    function Empty() { if (false) { ${room.join(" ")} } }
    Empty.prototype = prototype;
    class Row extends function () { return new Empty(); } { ${fields.join("")} }
    return (reader, count, rows) => {
      cells = reader;
      for (let i = 0; i < count; i++) {
        ${isHidden ? read.join("") : ""}
        const row = new Row();
        ${hiding.join("")}
        rows.push(row);
      }
      cells = undefined;
    };`;
  return evaluate(code, { prototype, hide }) as MakeRows | undefined;
}

function hide(row: object, index: number, value: Value): void {
  const holder = row as { [hidden]?: Value[] };
  if (holder[hidden] === undefined) Object.defineProperty(row, hidden, { value: [] });
  const values = holder[hidden];
  if (values !== undefined) values[index] = value;
}
