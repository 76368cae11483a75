/**
 * Lists: arguments by position that are arrays, for `IN (SELECT +value FROM rarray(?))`, which the tag `sql`
 * writes.
 *
 * A local database binds a list as one value. `rarray` is rusqlite's table of its values
 * (https://docs.rs/rusqlite/latest/rusqlite/vtab/array); without the `+`, its column would keep the
 * affinity of the other side of IN from being applied (https://sqlite.org/datatype3.html#affinity). A
 * server has no such table: there the text is expanded.
 */
import type { InArgs, InValue } from "@libsql/core/api";
import { unsupportedArgument } from "./argument-errors";
import { QUOTED } from "./quoted";
import type { Statement } from "./statement";

const BEFORE = "SELECT +value FROM rarray(";
const AFTER = ")";
/** What `sql` writes for a list, in parentheses. */
export const LIST = `${BEFORE}?${AFTER}`;
/** The same for a list without values: no row. */
const NOTHING = "SELECT NULL WHERE 0";

const WORDS_AND_PARAMETERS =
  /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*|\?\d*|[:@$#][\w$:\u0080-\uffff]+/.source;
/** What in a text can contain a `?` that is no parameter, or is a parameter. */
const TOKENS = new RegExp(`${QUOTED}|${WORDS_AND_PARAMETERS}`, "giu");

/** The places of a text's parameters: none where one of them has a name or a number. */
type Places = readonly { at: number; isList: boolean }[];

/** The most texts of which the places are kept. */
const MOST = 256;
const known = new Map<string, Places>();

/** Whether a statement's parameter, by its index from 0, is that of a list. */
export function takesList(sql: string, index: number): boolean {
  return placesIn(sql)[index]?.isList === true;
}

/** Whether one of the arguments is an array. */
export function hasList(args: InArgs | undefined): args is InValue[] {
  return Array.isArray(args) && args.some((argument: unknown) => Array.isArray(argument));
}

/**
 * The same statement without lists: `(?, ?, ?)`.
 * @throws Failure ARGUMENT_NOT_SUPPORTED for an array where the text has no list
 */
export function expandLists(sql: string, args: readonly InValue[]): Statement {
  const places = placesIn(sql);
  const expanded: InValue[] = [];
  let text = "";
  let from = 0;
  for (const [i, argument] of args.entries()) {
    if (!Array.isArray(argument)) {
      expanded.push(argument);
      continue;
    }
    const place = places[i];
    if (place?.isList !== true) throw unsupportedArgument(argument);
    const values = argument as readonly InValue[];
    const nested = values.find((value: unknown) => Array.isArray(value));
    if (nested !== undefined) throw unsupportedArgument(nested);
    text += sql.slice(from, place.at - BEFORE.length);
    text += values.length === 0 ? NOTHING : "?" + ", ?".repeat(values.length - 1);
    from = place.at + "?".length + AFTER.length;
    for (const value of values) expanded.push(value);
  }
  return { sql: text + sql.slice(from), args: expanded };
}

function placesIn(sql: string): Places {
  const kept = known.get(sql);
  if (kept !== undefined) return kept;
  const places = findPlaces(sql);
  if (known.size >= MOST) known.clear();
  known.set(sql, places);
  return places;
}

function findPlaces(sql: string): Places {
  const places: { at: number; isList: boolean }[] = [];
  for (const { 0: token, index: at } of sql.matchAll(TOKENS)) {
    if (token === "?") {
      const isList = sql.endsWith(BEFORE, at) && sql.startsWith(AFTER, at + 1);
      places.push({ at, isList });
    } else if (/^(?:\?|[:@$#])/.test(token)) {
      return [];
    }
  }
  return places;
}
