/**
 * Which kind of the language's own objects a value is, in whatever realm it was made: what `node:util`
 * tells in `types`, for runtimes without it, too.
 */

/** Kinds by what `Object.prototype.toString` says, which objects of other realms inherit as well. */
const CONTAINERS = ["Map", "Promise", "RegExp", "Set", "WeakMap", "WeakSet"];
const BOXES = ["Boolean", "Number", "String", "Symbol", "BigInt"];

const { toString } = Object.prototype;
const { getTime } = Date.prototype;
const byteLengths = [ArrayBuffer, globalThis.SharedArrayBuffer].flatMap((kind) => {
  const getter = kind && Object.getOwnPropertyDescriptor(kind.prototype, "byteLength")?.get;
  return getter === undefined ? [] : [getter];
});

/** Whether it is a Date. */
export function isDate(value: unknown): value is Date {
  return isObject(value) && answers(getTime, value);
}

/** Whether it is an error that the language made, or one of a class derived from Error. */
export function isNativeError(value: unknown): value is Error {
  return tagOf(value) === "Error";
}

/** Whether it is an ArrayBuffer or a SharedArrayBuffer. */
export function isAnyArrayBuffer(value: unknown): value is ArrayBuffer {
  return isObject(value) && byteLengths.some((get) => answers(get, value));
}

/** Whether it is a Map. */
export function isMap(value: unknown): boolean {
  return tagOf(value) === "Map";
}

/** Whether it is the `arguments` of a function. */
export function isArgumentsObject(value: unknown): boolean {
  return tagOf(value) === "Arguments";
}

/** Whether it is an object around a primitive value, such as `new Number(1)`. */
export function isBoxedPrimitive(value: unknown): boolean {
  return isObject(value) && BOXES.includes(tagOf(value));
}

/** Whether it is an object of the language that stands for something else than names and values. */
export function isOfOtherKind(value: unknown): boolean {
  return isDate(value) || isNativeError(value) || CONTAINERS.includes(tagOf(value));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Empty for a proxy that throws, or that has been revoked. */
function tagOf(value: unknown): string {
  if (!isObject(value)) return "";
  try {
    return toString.call(value).slice("[object ".length, -1);
  } catch {
    return "";
  }
}

/** Whether a method of a class takes the object for one of the class. */
function answers(method: (this: never) => unknown, value: object): boolean {
  try {
    method.call(value as never);
    return true;
  } catch {
    return false;
  }
}
