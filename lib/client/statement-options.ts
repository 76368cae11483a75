/** What a statement says of its own run and of its rows. What it does not say is as its client has it. */
import type { IntMode } from "@libsql/core/api";
import type { RowMode } from "../../index.js";
import { parseIntMode, parseRowMode, parseTimeout } from "./config";
import { parseFlag } from "./flags";

/** The options of a statement. */
export interface StatementOptions {
  readonly rowMode?: RowMode | undefined;
  readonly intMode?: IntMode | undefined;
  /** How long it may run, in ms. */
  readonly queryTimeout?: number | undefined;
  /** Whether a write is refused. */
  readonly readOnly?: boolean | undefined;
  /** Whether its arguments have to be those of its parameters. */
  readonly strict?: boolean | undefined;
}

/** Not a name, which an object of the caller's could have. */
export const OPTIONS = Symbol("statement options");

/**
 * The options of a statement object; undefined if it has none.
 * @throws TypeError for an unknown value, RangeError for a `queryTimeout` that is NaN
 */
export function parseStatementOptions(given: object): StatementOptions | undefined {
  const { rowMode, intMode, queryTimeout, readOnly, strict } = given as Record<string, unknown>;
  if (
    rowMode === undefined &&
    intMode === undefined &&
    queryTimeout === undefined &&
    readOnly === undefined &&
    strict === undefined
  ) {
    return undefined;
  }
  return {
    rowMode: rowMode === undefined || rowMode === null ? undefined : parseRowMode(rowMode),
    intMode: parseIntMode(intMode),
    queryTimeout: parseTimeout(queryTimeout, "queryTimeout"),
    readOnly: parseFlag("readOnly", readOnly),
    strict: parseFlag("strict", strict),
  };
}
