/** Values that can be thrown, and that are hard to put into a message. */

function withMessage(message: PropertyDescriptor): Error {
  return Object.defineProperty(new Error(), "message", message);
}

function refuse(): never {
  throw new Error("asked for its text");
}

export const unspeakable: ReadonlyArray<readonly [string, unknown]> = [
  ["an object without a prototype", Object.create(null)],
  ["an object whose toString throws", { toString: refuse }],
  ["an error whose message throws", withMessage({ get: refuse })],
  ["an error whose message is a symbol", withMessage({ value: Symbol("message") })],
  ["an error whose message is no text", withMessage({ value: Object.create(null) })],
  ["a proxy that answers nothing", new Proxy({}, { get: refuse, getPrototypeOf: refuse })],
  ["a symbol", Symbol("thrown")],
  ["undefined", undefined],
];
