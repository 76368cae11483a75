/** Values as text, and text that a terminal can be given. */
import type { Value } from "../../../types/core.js";

/** The bytes of a blob that a table shows. */
const SHOWN = 16;

/** Control characters, and those that change the direction of writing: they would steer the terminal. */
const CONTROL = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/gu;
const SHORT = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/** A text on one line, with escapes for what a terminal would not show. */
export function visible(text: string): string {
  return text.replace(CONTROL, (character) => SHORT.get(character) ?? escape(character));
}

/** A text of several lines, with escapes for what a terminal would not show. */
export function visibleLines(text: string): string {
  return text.replace(CONTROL, (character) =>
    "\n\t".includes(character) ? character : escape(character),
  );
}

function escape(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}

/** A REAL, with a fraction or an exponent: an integer would have none. */
export function realText(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** A value in a table. `most` is how many characters of a text are wanted; a few more may come. */
export function cellText(value: Value, most: number): string {
  if (value === null) return "NULL";
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return realText(value).replace("Infinity", "Inf");
  if (typeof value === "string") return visible(value.slice(0, most));
  if (value.byteLength <= SHOWN) return blobLiteral(value);
  return `${blobLiteral(value.slice(0, SHOWN)).slice(0, -1)}…' (${value.byteLength} bytes)`;
}

/** A blob as SQL writes it. */
export function blobLiteral(value: ArrayBuffer): string {
  return `x'${Buffer.from(value).toString("hex")}'`;
}
