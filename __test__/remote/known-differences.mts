/**
 * How the two clients differ on the same server. Each rule takes a part of two answers that differs, and is a
 * row of COMPAT.md, by its first cell.
 */

/** An error as the player describes it. */
interface Said {
  class: string;
  code?: string;
  message: string;
  statementIndex?: number;
}

export interface Rule {
  row: string;
  /** For errors; undefined where a call has succeeded. */
  error?: (theirs: Said | undefined, ours: Said | undefined) => boolean;
  /** For other parts of answers, by their path. */
  value?: (path: string, theirs: unknown, ours: unknown) => boolean;
}

/** Parts of an answer that say how rows are made, which is the same as with files. */
export const ROW_PARTS = new Set(["ownNames", "isInstanceOfObject", "writes", "tag"]);

const closedByStock = /Client is closed|Client was closed|manually closed|Stream is closing/;

/** A message without the SQL that ours have behind it. */
const withoutSql = (said: Said | undefined): string | undefined =>
  said?.message.split("\n  ", 1)[0];

export const rules: Rule[] = [
  {
    row: "an error at a place of the SQL, or of a statement of a batch or script",
    error: (theirs, ours) =>
      ours?.class === "LibsqlBatchError" &&
      theirs?.class === ours.class &&
      theirs.code === ours.code &&
      theirs.statementIndex === ours.statementIndex &&
      ours.message.startsWith(`${theirs.message}\n  `),
  },
  {
    row: "every call after `close()` over HTTP",
    error: (theirs, ours) =>
      ours?.code === "CLIENT_CLOSED" && closedByStock.test(theirs?.message ?? ""),
  },
  {
    row: "texts of CLIENT_CLOSED, TRANSACTION_CLOSED, RangeErrors and TypeErrors",
    error: (theirs, ours) =>
      theirs?.class === ours?.class &&
      (theirs?.class === "RangeError" ||
        theirs?.class === "TypeError" ||
        (theirs?.code === ours?.code && /^(CLIENT|TRANSACTION)_CLOSED$/.test(ours?.code ?? ""))),
  },
  {
    row: "texts of CLIENT_CLOSED, TRANSACTION_CLOSED, RangeErrors and TypeErrors",
    error: (theirs, ours) =>
      theirs?.class === "LibsqlError" &&
      ours?.class === "LibsqlBatchError" &&
      theirs.code === ours.code &&
      ours.code === "TRANSACTION_CLOSED",
  },
  {
    row: "an object, array or function as an argument",
    error: (_, ours) => ours?.code === "ARGUMENT_NOT_SUPPORTED",
  },
  {
    row: "what is no statement or no SQL, arguments of neither form",
    error: (theirs, ours) =>
      ours?.class === "TypeError" &&
      /^(LibsqlError|TypeError|undefined)$/.test(String(theirs?.class)),
  },
  {
    row: "a text in a batch that the server refuses",
    error: (theirs, ours) =>
      theirs?.class === "LibsqlError" &&
      ours?.class === "LibsqlBatchError" &&
      theirs.code === ours.code &&
      theirs.message === withoutSql(ours),
  },
  {
    row: "a call whose answer did not come",
    error: (theirs, ours) =>
      theirs?.code === ours?.code && ours?.message.startsWith(`${theirs?.message}. `) === true,
  },
  {
    row: "message of a `LibsqlBatchError`",
    error: (theirs, ours) =>
      theirs?.code === ours?.code &&
      theirs?.statementIndex === ours?.statementIndex &&
      theirs?.message.endsWith(withoutSql(ours) ?? "?") === true,
  },
  {
    row: "a statement after SQLite has rolled a transaction back itself",
    error: (theirs, ours) => ours?.code === "TRANSACTION_CLOSED" && theirs?.code !== ours.code,
  },
  {
    row: "a transaction whose first statement is refused",
    error: (theirs) => theirs?.code === "TRANSACTION_CLOSED",
  },
  {
    row: "a lone surrogate in a text",
    error: (theirs) => /hex escape/.test(theirs?.message ?? ""),
  },
  {
    row: "a status of HTTP that is an error",
    error: (theirs, ours) => theirs?.code === "SERVER_ERROR" && ours?.code === "SERVER_ERROR",
  },
  {
    row: "a lone surrogate in a text",
    error: (theirs, ours) => theirs?.code === "HRANA_WEBSOCKET_ERROR" && ours === undefined,
  },
  {
    row: "a server that cannot be reached, a connection that is lost",
    error: (theirs, ours) => theirs?.code === "HRANA_WEBSOCKET_ERROR" && ours?.code === theirs.code,
  },
  {
    row: "a result with an infinite REAL on a server",
    error: (theirs, ours) =>
      theirs?.message.startsWith("HRANA_PROTO_ERROR: Expected number, received null") === true &&
      /infinite REAL/.test(ours?.message ?? ""),
  },
  {
    row: "an unknown mode of `transaction()`",
    error: (theirs, ours) => theirs === undefined && ours?.class === "RangeError",
  },
  {
    row: "every call after `close()` over HTTP",
    error: (theirs, ours) => theirs?.class === "TypeError" && ours?.code === "CLIENT_CLOSED",
  },
  {
    row: "an invalid Date as an argument",
    error: (theirs) => /Cannot deserialize client message/.test(theirs?.message ?? ""),
  },
  {
    row: "a typed array that is no `Uint8Array`, a DataView",
    value: (path, theirs, ours) =>
      /\.rows\.\d+$/.test(path) && hasText(theirs, "text") && hasText(ours, "blob"),
  },
  {
    row: 'a column whose name is the index of a later one (`"1"` as the first of two)',
    value: (path, theirs) => /\.rows\.\d+$/.test(path) && hasKey(theirs, /^\d$/),
  },
  // What they read depends on which of them comes first.
  { row: "the order of calls on a server", value: (path) => path.includes(".together.") },
];

/** Whether a row, or its JSON, has this value. */
function hasText(row: unknown, text: string): boolean {
  if (Array.isArray(row)) return row.includes(text);
  return ((row as { byIndex?: unknown[] } | undefined)?.byIndex ?? []).includes(text);
}

function hasKey(row: unknown, pattern: RegExp): boolean {
  if (row === undefined || Array.isArray(row)) return false;
  return (row as { keys: string[] }).keys.some((key) => pattern.test(key));
}

/** The rows that explain a difference; undefined if none does. */
export function rowOf(path: string, theirs: unknown, ours: unknown): string | undefined {
  const isError = path.endsWith(".error");
  return rules.find(({ error, value }) =>
    isError
      ? error?.(theirs as Said | undefined, ours as Said | undefined)
      : value?.(path, theirs, ours),
  )?.row;
}
