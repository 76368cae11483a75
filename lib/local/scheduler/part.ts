/** The rows of a cursor, answer by answer. */
import type { ResultSet, Row } from "@libsql/core/api";
import type { CallSignal } from "../../client/call-signal";
import type { StatementOptions } from "../../client/statement-options";
import type { Part } from "../../client/row-iterator";

/** A cursor, as its calls name it. */
export interface CursorOptions {
  /** The job that opens it. */
  readonly number: number;
  /** The most rows of one answer. */
  readonly mostRows: number;
  readonly signal: CallSignal | undefined;
  /** What its statement says of its rows. */
  readonly options?: StatementOptions | undefined;
}

/** Where a cursor is open: on the main lane, or in a transaction. */
export interface CursorPlace {
  fetch(how: CursorOptions): Promise<Part>;
  closeCursor(how: CursorOptions): Promise<void>;
}

/** The part that an answer has. */
export function partOf(results: ResultSet[], rows: Row[]): Part {
  const [result] = results;
  return result === undefined ? { rows, isLast: false } : { rows: result.rows, isLast: true };
}
