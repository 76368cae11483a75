/** Options that are booleans. */
import { describe } from "./describe";

/** Their names. */
export type FlagName =
  "groupCommit" | "adoptVectorIndexes" | "readOnly" | "fileMustExist" | "strict";

/**
 * The value of an option; undefined if it was not given.
 * @throws TypeError for a value that is no boolean
 */
export function parseFlag(name: FlagName, value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  const expected = name === "groupCommit" ? "a boolean" : "true or false";
  throw new TypeError(`${name} must be ${expected}, got ${describe(value)}`);
}
