/** Lets a value past the compiler that a JavaScript program could pass as well. */
export function unchecked<T>(value: unknown): T {
  return value as T;
}
