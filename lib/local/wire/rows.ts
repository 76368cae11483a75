/**
 * Makes rows. The rows of a result share a class: named columns are own, enumerable properties;
 * indexes and `length` are on the prototype.
 *
 * The usual tests for a plain object accept a row. The prototype has copies of Object.prototype's
 * properties (except `__proto__`), and its own prototype is null, for lodash, Redux and React. Asked
 * for the names of its properties, it answers those of Object.prototype, for turbo-stream (React
 * Router) and devalue (SvelteKit, Nuxt).
 */
import { inspect } from "node:util";
import type { Row, Value } from "@libsql/core/api";
import type { CellReader } from "./response";

/** The columns of a result, and the reader of its rows. */
export interface Shape {
  readonly names: readonly string[];
  readonly declaredTypes: readonly string[];
  /** Reads `count` rows and appends them to `rows`. */
  readRows(count: number, cells: CellReader, rows: Row[]): void;
}

/** The number of rows after which a class is compiled for them, which takes 50 µs. */
const ROWS_BEFORE_CLASS = 100;
/** The number of row classes that are kept for reuse by statements with the same columns. */
const KEPT_MAKERS = 500;

/** Values of columns whose name is taken: by an earlier column, an index or `length`. */
const hidden = Symbol("columns without a name of their own");

type MakeRows = (cells: CellReader, count: number, rows: Row[]) => void;

/** Makes the rows with certain column names, for all statements that have these. */
class RowMaker {
  readonly #names: readonly string[];
  readonly #keys: readonly (string | undefined)[];
  readonly #prototype: object;
  #rowsRead = 0;
  #compiled: MakeRows | undefined;

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#keys = keysOf(names);
    this.#prototype = prototypeOf(this.#keys);
  }

  read(cells: CellReader, count: number, rows: Row[]): void {
    if (this.#compiled !== undefined) return this.#compiled(cells, count, rows);
    this.#rowsRead += count;
    if (this.#rowsRead > ROWS_BEFORE_CLASS) {
      this.#compiled = compile(this.#keys, this.#prototype) ?? this.#plain.bind(this);
      return this.#compiled(cells, count, rows);
    }
    this.#plain(cells, count, rows);
  }

  #plain(cells: CellReader, count: number, rows: Row[]): void {
    for (let i = 0; i < count; i++) {
      const row: Record<string, Value> = {};
      for (let column = 0; column < this.#names.length; column++) {
        const key = this.#keys[column];
        if (key === undefined) hide(row, column, cells.cell());
        else if (isInherited(key)) define(row, key, cells.cell());
        else row[key] = cells.cell();
      }
      // At the end: an assignment would ask the prototype first, which is a proxy.
      Object.setPrototypeOf(row, this.#prototype);
      rows.push(row as unknown as Row);
    }
  }
}

const makers = new Map<string, RowMaker>();

/** The shape of results with these columns. */
export function shapeOf(names: string[], declaredTypes: string[]): Shape {
  const key = JSON.stringify(names);
  let maker = makers.get(key);
  if (maker === undefined) {
    maker = new RowMaker(names);
    if (makers.size >= KEPT_MAKERS) {
      const [oldest] = makers.keys();
      if (oldest !== undefined) makers.delete(oldest);
    }
    makers.set(key, maker);
  }
  const known = maker;
  return { names, declaredTypes, readRows: (count, cells, rows) => known.read(cells, count, rows) };
}

/** A shape whose columns could not be read: each use of it fails with the same error. */
export function unreadableShape(error: unknown): Shape {
  const fail = (): never => {
    throw error;
  };
  return {
    get names(): never {
      return fail();
    },
    get declaredTypes(): never {
      return fail();
    },
    readRows: fail,
  };
}

/** Each column's property name; undefined if an earlier column, an index or `length` has it. */
function keysOf(names: readonly string[]): (string | undefined)[] {
  const taken = new Set<string>(["length", ...names.keys()].map(String));
  return names.map((name) => {
    if (taken.has(name)) return undefined;
    taken.add(name);
    return name;
  });
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
  Object.defineProperty(prototype, inspect.custom, {
    value(this: object) {
      return { ...this };
    },
    configurable: true,
  });
  // A proxy may leave out what is configurable.
  return new Proxy(prototype, { ownKeys: () => namesOfObjectPrototype });
}

/**
 * Compiles a function that makes each row by one object literal, so that engines lay the rows out like
 * a class. Undefined if code cannot be made from strings (a content security policy, a hardened
 * runtime).
 */
function compile(keys: readonly (string | undefined)[], prototype: object): MakeRows | undefined {
  const isHidden = keys.includes(undefined);
  const columns = keys.map((_, index) => `const c${index} = cells.cell();`);
  const properties = keys.flatMap((key, index) => {
    if (key === undefined) return [];
    // Names are put into the code as JSON strings only. In brackets, `__proto__` is a name as well.
    return [`[${JSON.stringify(key)}]: ${isHidden ? `c${index}` : "cells.cell()"}`];
  });
  const hiding = keys.flatMap((key, index) =>
    key === undefined ? [`hide(row, ${index}, c${index});`] : [],
  );
  const code = `"use strict";
    return (cells, count, rows) => {
      for (let i = 0; i < count; i++) {
        ${isHidden ? columns.join("\n") : ""}
        const row = { __proto__: prototype, ${properties.join(", ")} };
        ${hiding.join("\n")}
        rows.push(row);
      }
    };`;
  try {
    const make = new Function("prototype", "hide", code) as (
      ...parts: [object, typeof hide]
    ) => MakeRows;
    return make(prototype, hide);
  } catch {
    return undefined;
  }
}

/** Whether the prototype has a property of this name, so that assigning would not define one. */
function isInherited(name: string): boolean {
  return name in Object.prototype;
}

function define(row: object, name: string, value: Value): void {
  Object.defineProperty(row, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function hide(row: object, index: number, value: Value): void {
  const holder = row as { [hidden]?: Value[] };
  if (holder[hidden] === undefined) Object.defineProperty(row, hidden, { value: [] });
  const values = holder[hidden];
  if (values !== undefined) values[index] = value;
}
