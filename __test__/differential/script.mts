/**
 * What is asked of both packages, and what they answer, as data that a message between processes
 * can carry.
 */
import type { Config, InValue, TransactionMode } from "latchdb";

/** A value that no message can carry: the process that plays the script makes it. */
export interface Recipe {
  make: keyof typeof recipes;
}

export const recipes = {
  symbol: () => Symbol("s"),
  function: () => (): number => 1,
  object: () => ({ a: 1 }),
  "nested array": () => [1],
  "regular expression": () => /a/,
  "Float64Array at an offset": () => new Float64Array([1, 2]).subarray(1),
  "DataView at an offset": () => new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2),
  "Uint8Array at an offset": () => new Uint8Array([1, 2, 3, 4]).subarray(1, 3),
  "Number object": () => Object(1) as object,
  "String object": () => Object("a") as object,
};

export const recipeNames = Object.keys(recipes) as Array<keyof typeof recipes>;

export type Argument = InValue | undefined | Recipe;

/** Arguments: by position, or by name (pairs, for a name may be `__proto__`). */
export type Arguments = Argument[] | { named: Array<[string, Argument]> };

export interface Statement {
  sql: string;
  args?: Arguments | undefined;
}

/** Anything that a JavaScript program may pass where SQL is expected. */
export interface WrongStatement {
  wrong: unknown;
}

/** The client that a script has from the start, a second one on the same file, or a transaction. */
export type Target = "client" | "other" | `transaction ${number}`;

export type Step =
  | { on: Target; call: "execute"; statement: Statement | WrongStatement }
  | { on: Target; call: "executeSql"; statement: Statement }
  | { on: Target; call: "batch"; statements: Statement[]; tuples?: boolean; mode?: unknown }
  | { on: Target; call: "migrate"; statements: Statement[]; tuples?: boolean }
  | { on: Target; call: "executeMultiple"; sql: string }
  | { on: Target; call: "transaction"; mode?: TransactionMode; as: Target }
  | { on: Target; call: "commit" | "rollback" | "close" | "reconnect" | "sync" }
  /** Calls that are made without awaiting the one before. */
  | { call: "together"; steps: Step[] };

export interface Script {
  /** Whether the database is a file (each script has its own) or in memory. */
  database: "file" | "memory";
  config: Pick<Config, "intMode" | "timeout" | "concurrency">;
  steps: Step[];
}

export interface DescribedError {
  class: string;
  name: string;
  code: unknown;
  extendedCode: unknown;
  rawCode: unknown;
  statementIndex: unknown;
  message: string;
  keys: string[];
  cause: DescribedError | undefined;
}

/** What an expression gave, or what it threw. */
export type Outcome<T> = { value: T } | { error: DescribedError };

export interface DescribedRow {
  keys: string[];
  entries: Array<[string, unknown]>;
  length: unknown;
  byIndex: unknown[];
  byName: unknown[];
  /** What `JSON.stringify` makes of it. */
  json: Outcome<unknown>;
  ownNames: string[];
  isInstanceOfObject: boolean;
  tag: string;
}

/** What writing to a row does. */
export interface DescribedWrites {
  /** `row[0]` after the column was assigned by its name. */
  indexAfterName: unknown;
  jsonAfterName: Outcome<unknown>;
  /** `row[0] = …` in strict mode. */
  byIndex: Outcome<unknown>;
}

export interface DescribedResultSet {
  keys: string[];
  columns: string[];
  columnTypes: string[];
  rowsAffected: number;
  lastInsertRowid: bigint | undefined;
  rows: DescribedRow[];
  writes: DescribedWrites | undefined;
  json: Outcome<unknown>;
}

/** What a step gave: result sets, a list of outcomes (for `together`), or nothing. */
export type Answer =
  { results: DescribedResultSet[] } | { together: Observation[] } | { other: unknown };

export interface Observation {
  outcome: Outcome<Answer>;
  /** Which clients and transactions are closed afterwards. */
  closed: Record<string, boolean>;
}

/** What a package did with a script: all it answered, or the end of its process. */
export type Played = { observations: Observation[] } | { died: string };
