/**
 * Global types that these declarations use and a program's `lib` may lack. They merge with those of
 * TypeScript's `dom` and `esnext.disposable` and of `@types/node`, which declares them in the same way.
 *
 * @packageDocumentation
 */
export {};

declare global {
  interface AbortSignal {}

  interface URL {}

  interface SymbolConstructor {
    readonly dispose: unique symbol;
    readonly asyncDispose: unique symbol;
  }
}
