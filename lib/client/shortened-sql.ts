/** SQL as a further line of an error's message. For local databases the addon does it: `src/client/error_place.rs`. */

/** The longest part of a statement that is shown, in code points. */
const LONGEST = 200;
/** Spaces, line breaks and control characters. */
const INVISIBLE = /[\s\p{Cc}]+/u;

/**
 * A message, followed by a statement: on one line, and no more than the beginning of a long one. The statement is
 * the caller's text, without arguments.
 */
export function withSql(message: string, sql: string): string {
  // What cannot be shown is not copied.
  const start = sql.trimStart().slice(0, 4 * LONGEST);
  const line = Array.from(start.split(INVISIBLE).filter(Boolean).join(" "));
  if (line.length === 0) return message;
  const shown = line.slice(0, LONGEST).join("");
  return `${message}\n  ${shown}${line.length > LONGEST ? "…" : ""}`;
}
