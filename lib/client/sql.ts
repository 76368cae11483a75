/** The template tag `sql`: statements as values. */
import type { InValue } from "@libsql/core/api";
import type { SqlStatement, TypedSqlStatement } from "../../index.js";
import { describe } from "./describe";
import { LIST } from "./lists";

/**
 * Marks what `sql` has made, for all copies of latchdb in a process. User data (JSON, a structured clone) has
 * no symbols, so that it cannot pass for SQL.
 */
const MARK = Symbol.for("latchdb.sql");

/** The end of a text behind which a list may stand, and the beginning of one before which it may. */
const IN = /(?:^|[^\w$\u0080-\uffff])in\s*$/i;
const IN_PARENTHESES = /(?:^|[^\w$\u0080-\uffff])in\s*\(\s*$/i;
const PARENTHESIS = /^\s*\)/;

/**
 * A statement, of a template: `sql` is its text with `?` for each value, `args` has the values. An array is a
 * list for IN. A value that is a statement of `sql` becomes a part of this one.
 * @throws TypeError for a call that is no template, and for an array that does not stand behind IN
 */
export function sql(text: TemplateStringsArray, ...values: unknown[]): SqlStatement;
export function sql<R>(text: TemplateStringsArray, ...values: unknown[]): TypedSqlStatement<R>;
export function sql(text: TemplateStringsArray, ...values: unknown[]): SqlStatement {
  if (!Array.isArray(text) || !Array.isArray((text as Partial<TemplateStringsArray>).raw)) {
    throw new TypeError(
      `Expected a template (sql\`SELECT …\`), got ${describe(text)}: pass a text of SQL as it is, or sql.raw(text)`,
    );
  }
  let whole = part(text, 0);
  const args: InValue[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const after = part(text, i + 1);
    if (typeof value !== "object" || value === null) {
      whole += "?";
      args.push(value as InValue);
    } else if (isStatement(value)) {
      whole += value.sql;
      for (const argument of value.args) args.push(argument);
    } else if (Array.isArray(value)) {
      whole += listFor(whole, after);
      args.push(value as unknown as InValue);
    } else {
      whole += "?";
      args.push(value as InValue);
    }
    whole += after;
  }
  return statement(whole, args);
}

/** Identifiers, joined with dots: `sql.id("main", "t")` is `"main"."t"`. */
sql.id = (...names: string[]): SqlStatement => {
  if (names.length === 0) throw new TypeError("Expected the name of a table or a column, got none");
  const quoted = names.map((name: unknown) => {
    if (typeof name === "string") return `"${name.replaceAll('"', '""')}"`;
    throw new TypeError(`Expected a name as a string, got ${describe(name)}`);
  });
  return statement(quoted.join("."), []);
};

/** A text that becomes SQL as it is. It must not contain what a user has typed. */
sql.raw = (text: string): SqlStatement => {
  if (typeof text === "string") return statement(text, []);
  throw new TypeError(`Expected SQL as a string, got ${describe(text)}`);
};

function statement(text: string, args: InValue[]): SqlStatement {
  const made = { sql: text, args };
  // Not enumerable: the statement is a plain { sql, args } for everything else.
  Object.defineProperty(made, MARK, { value: true });
  return made;
}

function isStatement(value: object): value is SqlStatement {
  return (value as { [MARK]?: unknown })[MARK] === true;
}

function part(text: TemplateStringsArray, index: number): string {
  const cooked: string | undefined = text[index];
  if (cooked !== undefined) return cooked;
  throw new TypeError(
    `Invalid escape sequence in sql\`${text.raw.join("${…}")}\`: write each backslash twice`,
  );
}

function listFor(before: string, after: string): string {
  if (IN.test(before)) return `(${LIST})`;
  if (IN_PARENTHESES.test(before) && PARENTHESIS.test(after)) return LIST;
  throw new TypeError(
    "An array in sql`…` is a list, which stands behind IN: write IN ${array}. " +
      "For another place, make one value of it, for example JSON.stringify(array)",
  );
}
