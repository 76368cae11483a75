/** The question lodash's `isPlainObject` asks, which Jest and others copied. */
export function isPlainToLodash(value: object): boolean {
  if (Object.prototype.toString.call(value) !== "[object Object]") {
    return false;
  }
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === null) {
    return true;
  }
  const constructor: unknown = Object.hasOwn(prototype, "constructor") && prototype.constructor;
  return (
    typeof constructor === "function" &&
    constructor instanceof constructor &&
    Function.prototype.toString.call(constructor) === Function.prototype.toString.call(Object)
  );
}

/** The question the `is-plain-obj` package asks. */
export function isPlainToIsPlainObj(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  return (
    (prototype === null ||
      prototype === Object.prototype ||
      Object.getPrototypeOf(prototype) === null) &&
    !(Symbol.toStringTag in value) &&
    !(Symbol.iterator in value)
  );
}

/** The question Redux asks: is the prototype the last one of its chain? */
export function isPlainToRedux(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

const namesOfObjectPrototype = Object.getOwnPropertyNames(Object.prototype).sort().join("\0");

/** The question turbo-stream asks, with which React Router sends what loaders return, and devalue. */
export function isPlainToTurboStream(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  return (
    prototype === Object.prototype ||
    prototype === null ||
    Object.getOwnPropertyNames(prototype).sort().join("\0") === namesOfObjectPrototype
  );
}
