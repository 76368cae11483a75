/** What the two kinds of rows share: their properties, whatever the names are, and code for them. */
import type { Row, Value } from "@libsql/core/api";

/** The cells of rows, one after another, as a backend has got them. */
export interface Cells {
  /** The value of the next cell. */
  cell(): Value;
}

/** Reads `count` rows and appends them to `rows`. */
export type MakeRows = (cells: Cells, count: number, rows: Row[]) => void;

/** How rows with certain columns are made. */
export interface RowLayout {
  readonly makeRows: MakeRows;
  /** Compiles a faster function for the same rows; undefined where no code can be made. */
  compile(): MakeRows | undefined;
}

/**
 * Whether every object inherits a property of this name. An assignment would then not define one:
 * `__proto__` sets the prototype, and the others fail where Object.prototype is frozen.
 */
export function isInherited(name: string): boolean {
  return name in Object.prototype;
}

/** Defines a property that is like an assigned one. */
export function define(row: object, name: string, value: Value): void {
  Object.defineProperty(row, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** Each column's property name; undefined where an earlier column, or `reserved`, has the name. */
export function keysOf(
  names: readonly string[],
  reserved: Iterable<string> = [],
): (string | undefined)[] {
  const taken = new Set(reserved);
  return names.map((name) => {
    if (taken.has(name)) return undefined;
    taken.add(name);
    return name;
  });
}

/**
 * The function that code makes with these names in its scope. Undefined where code cannot be made from
 * strings (a content security policy, a hardened runtime).
 */
export function evaluate(code: string, scope: Record<string, unknown>): unknown {
  try {
    return new Function(...Object.keys(scope), `"use strict"; ${code}`)(...Object.values(scope));
  } catch {
    return undefined;
  }
}
