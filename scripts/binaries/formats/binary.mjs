import { readElf } from "./elf.mjs";
import { readMachO } from "./mach-o.mjs";
import { readPe } from "./pe.mjs";

/**
 * A symbol that a library wants from another.
 *
 * @typedef {object} Import
 * @property {string} name without the underscore that macOS puts before it
 * @property {string} [library] where the file says which
 * @property {string} [version] of the symbol, `GLIBC_2.17`: ELF only
 * @property {boolean} isOptional the file loads without it
 */

/**
 * What a shared library's own tables say of it.
 *
 * @typedef {object} Binary
 * @property {"ELF" | "PE" | "Mach-O"} format
 * @property {string} machine `x64`, `arm64`, or the number of another
 * @property {boolean} isSharedLibrary
 * @property {string[]} libraries those that it needs
 * @property {Import[]} imports
 * @property {string[]} exports
 * @property {boolean} hasDebugSymbols whether there is more than loading takes: it was not stripped
 * @property {boolean} [staysLoaded] ELF: dlclose leaves it in memory (DF_1_NODELETE)
 * @property {string} [oldestSystem] Mach-O: the macOS version that it was built for
 * @property {boolean} [isSigned] Mach-O: Apple silicon loads nothing that is not
 */

/**
 * Reads what a file's tables say. Of each format it knows what this project's targets have: 64 bits,
 * little-endian.
 *
 * @param {Buffer} bytes
 * @returns {Binary}
 * @throws {Error} where it is none of these, or its tables lead out of it
 */
export function readBinary(bytes) {
  const reader = [readElf, readPe, readMachO].find((candidate) => candidate.recognizes(bytes));
  if (reader === undefined) throw new Error("it is no 64-bit ELF, PE or Mach-O file");
  try {
    return reader(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Error("its tables lead out of the file: it is cut off", { cause: error });
  }
}
