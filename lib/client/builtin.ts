/** Modules of Node's own that the package can do without. */

/**
 * A module of Node's own; undefined in browsers and on edge runtimes, and on Node before 20.16 and 22.3. No
 * import, so that a bundle for such a runtime does not ask for the module
 * (https://nodejs.org/api/process.html#processgetbuiltinmoduleid).
 */
export function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as Builtins[Name] | undefined;
}

interface Builtins {
  "node:timers": typeof import("node:timers");
  "node:diagnostics_channel": typeof import("node:diagnostics_channel");
}
