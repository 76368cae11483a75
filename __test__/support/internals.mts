import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** A compiled module of `lib`, which the package does not export. The caller says what is in it. */
export function internal<T>(path: string): T {
  return require(internalPath(path)) as T;
}

/** The file of such a module, for a process of its own. */
export function internalPath(path: string): string {
  return require.resolve(`../../../dist/${path}.js`);
}
