/** The forms in which callers pass a statement's arguments. */
import type { InArgs, InValue } from "@libsql/core/api";
import { describe } from "./describe";
import {
  isAnyArrayBuffer,
  isArgumentsObject,
  isBoxedPrimitive,
  isMap,
  isOfOtherKind,
} from "./kinds-of-objects";

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
  if (prototype === Object.prototype || prototype === null) return !isArgumentsObject(args);
  // Their names, if they have some, are indexes.
  if (ArrayBuffer.isView(args) || isAnyArrayBuffer(args)) return false;
  if (isBoxedPrimitive(args) || isArgumentsObject(args)) return false;
  // An object of any class is bound by its names, if it has some.
  return Object.keys(args).length > 0 || !(isIterable(args) || isOfOtherKind(args));
}

function isIterable(args: object): boolean {
  return Symbol.iterator in args;
}

function remedy(args: unknown): string {
  if (isMap(args)) return "pass Object.fromEntries(map)";
  const isObject = typeof args === "object" && args !== null;
  const isValue = ArrayBuffer.isView(args) || isBoxedPrimitive(args);
  return isObject && !isValue && (isIterable(args) || "length" in args)
    ? "pass an array, for example Array.from(values)"
    : "pass a single value as [value]";
}
