/** Rows as CSV (RFC 4180), with a header. */
import type { StatementResult } from "../sql/session";
import type { Value } from "../../../types/core.js";
import { blobLiteral, realText } from "./text";

/** The lines, without their ends. */
export function* csvLines({ columns, rows }: StatementResult): Generator<string> {
  yield columns.map(field).join(",");
  for (const row of rows) yield columns.map((_, at) => field(row[at] ?? null)).join(",");
}

/** NULL is an empty field, an empty text is `""`. */
function field(value: Value): string {
  if (value === null) return "";
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return realText(value).replace("Infinity", "Inf");
  if (typeof value !== "string") return blobLiteral(value);
  return value === "" || /[",\r\n]|^\s|\s$/.test(value)
    ? `"${value.replaceAll('"', '""')}"`
    : value;
}
