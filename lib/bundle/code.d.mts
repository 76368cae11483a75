/** The types of code.mjs, which scripts/bundle.mjs makes of the CommonJS modules. */

/** The version of the package. */
export const version: string;

/**
 * Evaluates the CommonJS modules.
 *
 * @param require what they call for packages and binaries, with the names that are in their source
 * @param folder the folder that they take for their package's
 * @returns a function that gives the exports of an entry point by its name, which evaluates it once
 */
export function evaluate(
  require: (id: string) => unknown,
  folder: string,
): (name: string) => unknown;
