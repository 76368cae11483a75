/** The forms in which callers pass a statement's arguments. */
import { types } from "node:util";
import type { InArgs, InValue } from "@libsql/core/api";
import { describe } from "./describe";

const isDate: (value: unknown) => boolean = types.isDate;

/** Objects of the language that stand for something else than names and values, in whatever realm. */
const OTHER_KINDS = [
  isDate,
  types.isMap,
  types.isNativeError,
  types.isPromise,
  types.isRegExp,
  types.isSet,
  types.isWeakMap,
  types.isWeakSet,
];

const { propertyIsEnumerable: isEnumerable } = Object.prototype;

/**
 * Arguments that are no array, as names and values. Undefined where there are none: as in
 * `@libsql/client`, a falsy value is none, so that `execute(sql, condition && args)` works.
 * @throws TypeError for a value that is neither an array nor an object with names
 */
export function namedArguments(args: InArgs | undefined): Record<string, InValue> | undefined {
  if (!args) return undefined;
  if (typeof args !== "object" || !hasNames(args)) {
    throw new TypeError(
      `Expected arguments as an array (for ?) or as an object with names (for :name), got ${describe(args)}: ${remedy(args)}`,
    );
  }
  return args as Record<string, InValue>;
}

function hasNames(args: object): boolean {
  // An array-like object. A row is none: its indexes and its length are not enumerable.
  if (isEnumerable.call(args, "0") && isEnumerable.call(args, "length")) return false;
  const prototype: unknown = Object.getPrototypeOf(args);
  if (prototype === Object.prototype || prototype === null) return !types.isArgumentsObject(args);
  // Their names, if they have some, are indexes.
  if (ArrayBuffer.isView(args) || types.isAnyArrayBuffer(args)) return false;
  if (types.isBoxedPrimitive(args) || types.isArgumentsObject(args)) return false;
  // An object of any class is bound by its names, if it has some.
  return Object.keys(args).length > 0 || !(isIterable(args) || OTHER_KINDS.some((is) => is(args)));
}

function isIterable(args: object): boolean {
  return Symbol.iterator in args;
}

function remedy(args: unknown): string {
  if (types.isMap(args)) return "pass Object.fromEntries(map)";
  const isObject = typeof args === "object" && args !== null;
  const isValue = ArrayBuffer.isView(args) || types.isBoxedPrimitive(args);
  return isObject && !isValue && (isIterable(args) || "length" in args)
    ? "pass an array, for example Array.from(values)"
    : "pass a single value as [value]";
}
