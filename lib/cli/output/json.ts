/** Rows as JSON. docs/cli.md has the table of types. */
import type { StatementResult } from "../sql/session";
import type { Value } from "../../../types/core.js";
import { realText } from "./text";

/** Characters that JSON need not escape, and that steer a terminal. */
const CONTROL = /[\u007f-\u009f\u2028\u2029]/g;

/** An array of objects, a row on each line. */
export function* jsonLines({ columns, rows }: StatementResult): Generator<string> {
  if (rows.length === 0) {
    yield "[]";
    return;
  }
  const keys = distinct(columns).map(text);
  for (const [at, row] of rows.entries()) {
    const members = keys.map((key, column) => `${key}:${json(row[column] ?? null)}`);
    const begin = at === 0 ? "[" : " ";
    yield `${begin}{${members.join(",")}}${at === rows.length - 1 ? "]" : ","}`;
  }
}

/** Names for the columns of which none is like another: `id`, `id:1`, as SQLite names them in a subquery. */
function distinct(columns: string[]): string[] {
  const taken = new Set(columns);
  const used = new Set<string>();
  return columns.map((name) => {
    let own = name;
    for (let number = 1; used.has(own) || (own !== name && taken.has(own)); number++) {
      own = `${name}:${number}`;
    }
    used.add(own);
    return own;
  });
}

function json(value: Value): string {
  if (value === null) return "null";
  if (typeof value === "string") return text(value);
  if (typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? String(value) : `"${value}"`;
  }
  // A number beyond the range of a double is read as infinity.
  if (typeof value === "number") return realText(value).replace("Infinity", "1e999");
  return `"${Buffer.from(value).toString("base64")}"`;
}

function text(value: string): string {
  return JSON.stringify(value).replace(
    CONTROL,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
