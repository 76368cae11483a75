/**
 * The differences that COMPAT.md owns up to, each as a rule that takes exactly that difference away
 * and nothing else. `known-differences.spec.mts` holds every rule to its row.
 */
import { isDeepStrictEqual } from "node:util";
import type { Pair } from "./comparison.mjs";
import type {
  Argument,
  DescribedError,
  DescribedResultSet,
  DescribedRow,
  Observation,
  Statement,
  Step,
} from "./script.mjs";

export interface KnownDifference {
  name: string;
  /** The first cell of the row of COMPAT.md that says so. */
  row: string;
  /** Whether it is a text of V8: on Bun both packages have the same one. */
  ofV8?: boolean;
  /** Makes both answers the same, as far as this difference goes. */
  reconcile?: (pair: Pair, step: Step) => void;
  /** Whether this answer leaves the stock client in a state that its later answers suffer from. */
  spoilsStock?: (observation: Observation, step: Step) => boolean;
  /** Whether the stock client's process dies of this step. */
  stockDies?: (step: Step) => boolean;
}

const NEITHER_FORM =
  'arguments that are neither an array nor an object with names (`5`, `"x"`, a Map, a Set, a Date, bytes, an iterator)';

const MANY_TRANSACTIONS =
  "more transactions at once than `concurrency`; a call while open transactions hold all connections";

const SHOWN_SQL = "an error at a place of the SQL, or of a statement of a batch or script";

export const knownDifferences: KnownDifference[] = [
  // --- errors
  // The first one: the others compare whole messages.
  errors("an error shows the SQL", SHOWN_SQL, (_, { cause, message, ...ours }) => {
    const first = `${String(ours.code)}: ${cause?.message ?? ""}`;
    if (cause === undefined || !message.startsWith(`${first}\n  `)) return;
    const others = (keys: string[]): string[] => keys.filter((key) => key !== "offset");
    const plain = { ...cause, keys: others(cause.keys) };
    return { ...ours, keys: others(ours.keys), message: first, cause: plain };
  }),
  errors("sync() has a code", "`sync()` on a local database", (stock, ours, step) => {
    if (isOn(step, "sync") && stock.class === "Error" && ours.code === "SYNC_NOT_SUPPORTED") {
      return stock;
    }
  }),
  errors(
    "an unsupported argument has a code",
    "an argument SQLite has no type for (object, array, function, symbol)",
    (stock, ours) => {
      if (
        stock.class === "Error" &&
        isUnsupported(stock) &&
        ours.code === "ARGUMENT_NOT_SUPPORTED"
      ) {
        return stock;
      }
    },
  ),
  errors("SQL without a statement", "empty or comment-only SQL", (stock, ours) => {
    if (stock.code === "SQLITE_UNKNOWN_0" && ours.code === "SQLITE_MISUSE") return stock;
  }),
  errors("SQLITE_CONSTRAINT_DATATYPE has its name", "`extendedCode` of 3091", (stock, ours) => {
    if (stock.rawCode !== 3091 || ours.extendedCode !== "SQLITE_CONSTRAINT_DATATYPE") return;
    const { extendedCode } = stock;
    const cause = ours.cause && { ...ours.cause, code: stock.cause?.code };
    return { ...ours, extendedCode, cause };
  }),
  errors("a batch error says its code once", "message of a `LibsqlBatchError`", (stock, ours) => {
    const { class: of, message } = stock;
    if (of === "LibsqlBatchError" && message === `${String(ours.code)}: ${ours.message}`) {
      return { ...ours, message };
    }
  }),
  errors(
    "what is no statement",
    "a statement that is not a statement, SQL that is not a string",
    (stock, ours) => {
      if (stock.class !== "TypeError" || ours.class !== "TypeError") return;
      if (/^Expected (SQL|a statement) as /.test(ours.message)) return stock;
    },
  ),
  errors(
    "a text that says what to do",
    "text of SQLITE_BUSY, SQLITE_READONLY, SQLITE_CANTOPEN",
    (stock, ours) => {
      if (!/^SQLITE_(BUSY|READONLY|CANTOPEN)$/.test(String(stock.code))) return;
      if (ours.class !== stock.class) return;
      // That of a batch says its code twice in stock.
      const ofBatch = stock.class === "LibsqlBatchError" ? `${stock.code}: ${ours.message}` : "";
      const isLonger = [ours.message, ofBatch].some((text) =>
        text.startsWith(`${stock.message}: `),
      );
      if (ours.code === stock.code && isLonger) return stock;
    },
  ),
  errors("texts of a newer SQLite", "version", (stock, { cause, message, ...ours }) => {
    const [, column] = /no such column: (\w+)$/.exec(stock.message) ?? [];
    const hint = `no such column: "${column}" - should this be a string literal in single-quotes?`;
    if (column !== undefined && message.endsWith(hint)) {
      const text = cause && { ...cause, message: stock.cause?.message ?? "" };
      return { ...ours, message: stock.message, cause: text };
    }
  }),
  errors(
    "some of it is committed",
    "an error of a call that is partly committed",
    (stock, ours) => {
      const keys = ours.keys.filter((key) => key !== "committed");
      if (keys.length < ours.keys.length) return { ...ours, keys };
    },
  ),
  {
    name: "RETURNING that cannot be answered",
    row: "RETURNING whose rows cannot be returned (an unsafe integer, a row too large)",
    spoilsStock: (observation, step) => {
      const isUnsafe = errorOf(observation)?.message.includes("cannot be safely represented");
      return isUnsafe === true && sqlOf(step).some((sql) => /\breturning\b/i.test(sql));
    },
  },
  {
    name: "text that is not UTF-8",
    row: "TEXT that is not UTF-8",
    stockDies: (step) => sqlOf(step).some((sql) => /cast\s*\(x'[^']*' as text\)/i.test(sql)),
  },

  // --- values
  answers("typed arrays", "typed arrays other than `Uint8Array`, and `DataView`", (pair, step) => {
    const isRecipe = (value: Argument): boolean =>
      typeof value === "object" &&
      value !== null &&
      "make" in value &&
      /^(Float64Array|DataView) at an offset$/.test(value.make);
    return argumentsOf(step).some(isRecipe) && "value" in pair.ours.outcome;
  }),
  leaves("text with NUL", "TEXT with NUL in it", (stock, ours) => {
    return ours.includes("\0") && ours.slice(0, ours.indexOf("\0")) === stock;
  }),
  answers("a hole", "a hole in an array of arguments (`[1, , 3]`)", ({ stock, ours }, step) => {
    const args = wrongArguments(step);
    if (!Array.isArray(args) || !("value" in stock.outcome)) return false;
    return Object.keys(args).length < args.length && errorOf(ours)?.class === "TypeError";
  }),
  answers(
    "arguments first",
    "an invalid argument together with wrong SQL, or in a batch",
    ({ stock, ours }, step) => {
      const isRefused = /^(TypeError|RangeError)$/.test(errorOf(ours)?.class ?? "");
      return step.call === "batch" && errorOf(stock)?.code === "SQLITE_ERROR" && isRefused;
    },
  ),
  {
    name: "named arguments that end the stock client's process",
    row: "named arguments where the statement has a nameless `?`",
    stockDies: (step) => {
      const isWrong = step.call === "execute" && "wrong" in step.statement;
      return isWrong ? !wrongArguments(step) : statementsOf(step).some(hasNamedArguments);
    },
  },
  {
    ...answers(
      "arguments in neither form",
      NEITHER_FORM,
      ({ stock, ours }) =>
        "value" in stock.outcome &&
        errorOf(ours)?.message.startsWith("Expected arguments as an array ") === true,
    ),
    stockDies: (step) => {
      const args = wrongArguments(step);
      return Boolean(args) && !Array.isArray(args);
    },
  },
  answers(
    "names that Object.prototype has",
    "a parameter called `:constructor`, `:toString` …, with named arguments that lack it",
    ({ stock, ours }, step) => {
      const named = sqlOf(step).some((sql) => /:(constructor|toString|__proto__)\b/.test(sql));
      return named && isUnsupported(errorOf(stock)) && "value" in ours.outcome;
    },
  ),
  answers(
    "a surplus argument",
    "a surplus named argument SQLite has no type for",
    ({ stock, ours }, step) => {
      const surplus = sqlOf(step).every((sql) => !/[?:@$]/.test(sql));
      return (
        surplus && "value" in stock.outcome && errorOf(ours)?.code === "ARGUMENT_NOT_SUPPORTED"
      );
    },
  ),

  // --- results and rows
  results(
    "no lastInsertRowid where nothing was inserted",
    "`lastInsertRowid` after an INSERT that inserted nothing",
    (stock, ours) => {
      if (stock.rowsAffected !== 0 || ours.rowsAffected !== 0) return;
      if (ours.lastInsertRowid === undefined) sameCounts(stock, ours);
    },
  ),
  rows(
    "names that are indexes",
    'a column whose name is the index of a later one (`"1"` as the first of two)',
    (stock, ours) => {
      const isIndex = (name: string): boolean => /^\d+$/.test(name) && !ours.keys.includes(name);
      const withoutIndexes = stock.entries.filter(([name]) => !isIndex(name));
      if (!isSame(withoutIndexes, ours.entries)) return;
      const { keys, entries, json, ownNames } = stock;
      Object.assign(ours, { keys, entries, json, ownNames });
    },
  ),
  results(
    "no assignment to a name that is an index",
    'a column whose name is the index of a later one (`"1"` as the first of two)',
    (stock, ours) => {
      const [first] = stock.rows;
      const [, byJson] = [stock.writes, ours.writes];
      if (first === undefined || byJson === undefined || !/^\d+$/.test(first.keys[0] ?? "")) return;
      ours.writes = stock.writes;
    },
  ),
  results(
    "columns that were changed elsewhere",
    "columns that another connection's ALTER TABLE changed",
    (stock, ours, { sql }) => {
      if (!sql.startsWith("select *") || isSame(stock.columns, ours.columns)) return;
      const values = ({ rows: all }: DescribedResultSet): unknown => all.map((row) => row.byIndex);
      if (isSame(values(stock), values(ours))) Object.assign(ours, stock);
    },
  ),
  answers(
    "statements that failed are over",
    "COMMIT, VACUUM, DROP TABLE after a statement that failed",
    ({ stock, ours }) => {
      const message = errorOf(stock)?.message ?? "";
      const inProgress = /SQL statements in progress$|database table is locked$/.test(message);
      return inProgress && "value" in ours.outcome;
    },
  ),
  results(
    "counts of statements with RETURNING",
    "`rowsAffected`, `lastInsertRowid` with RETURNING",
    (stock, ours, { sql }) => {
      if (!/\breturning\b/i.test(sql) || stock.rowsAffected !== 0) return;
      if (ours.rowsAffected !== ours.rows.length) return;
      sameCounts(stock, ours);
    },
  ),
  results(
    "no stale lastInsertRowid",
    "`lastInsertRowid` after UPDATE, DELETE, DDL",
    (stock, ours, { sql }) => {
      if (/^\s*(with\b.*\b)?(insert|replace)\b/is.test(sql)) return;
      if (ours.lastInsertRowid !== undefined || stock.rowsAffected !== ours.rowsAffected) return;
      sameCounts(stock, ours);
    },
  ),
  rows("indexes and length are inherited", "indexes and `length` of a row", (stock, ours) => {
    const isIndexOrLength = (name: string): boolean => name === "length" || /^\d+$/.test(name);
    const named = stock.ownNames.filter(
      (name) => !isIndexOrLength(name) || stock.keys.includes(name),
    );
    if (JSON.stringify(named) === JSON.stringify(ours.ownNames)) ours.ownNames = stock.ownNames;
  }),
  rows("the prototype is no Object.prototype", "prototype of a row", (stock, ours) => {
    if (stock.isInstanceOfObject && !ours.isInstanceOfObject) ours.isInstanceOfObject = true;
  }),
  results("an index reads its column", "`row[0]` after `row.a = 5`", (stock, ours) => {
    if (stock.writes === undefined || ours.writes === undefined) return;
    const [first] = stock.rows;
    if (!Object.is(stock.writes.indexAfterName, first?.byIndex[0])) return;
    if (ours.writes.indexAfterName === "assigned") {
      ours.writes.indexAfterName = stock.writes.indexAfterName;
    }
  }),
  {
    ofV8: true,
    ...results("assigning an index fails", "`row[0] = 1` in strict mode", (stock, ours) => {
      const [theirs, own] = [stock.writes?.byIndex, ours.writes?.byIndex];
      if (theirs === undefined || own === undefined) return;
      if (!("error" in theirs) || !("error" in own)) return;
      if (
        theirs.error.message.startsWith("Cannot assign to read only property '0'") &&
        own.error.message.startsWith("Cannot set property 0 of ") &&
        own.error.message.endsWith(" which has only a getter")
      ) {
        own.error.message = theirs.error.message;
      }
    }),
  },

  // --- waiting
  {
    name: "BEGIN of execute",
    row: '`execute("BEGIN")`, `execute("SAVEPOINT …")`',
    spoilsStock: (_observation, step) =>
      (step.call === "execute" || step.call === "executeSql") &&
      step.on === "client" &&
      sqlOf(step).some((sql) => /^\s*(begin|savepoint)\b/i.test(sql)),
  },
  {
    name: "a statement that was refused a lock is over",
    row: "calls after one that ended in SQLITE_BUSY",
    spoilsStock: (observation) => errorOf(observation)?.code === "SQLITE_BUSY",
  },
  errors("a lock at the begin", "a deferred batch that writes", (stock, ours, step) => {
    const isDeferred = step.call === "migrate" || (step.call === "batch" && step.mode !== "write");
    const bothBusy = stock.code === "SQLITE_BUSY" && ours.code === "SQLITE_BUSY";
    if (isDeferred && bothBusy && ours.class === "LibsqlError") return stock;
  }),
  answers(
    "a write that would have failed waits first",
    'a write while the client\'s own transaction writes; several `transaction("write")`',
    ({ stock, ours }) => {
      const { code, message = "" } = errorOf(ours) ?? {};
      const hasWaited = message.includes("a transaction of this client holds");
      return errorOf(stock)?.code === "SQLITE_ERROR" && code === "SQLITE_BUSY" && hasWaited;
    },
  ),
  answers("plain calls need none of the connections", MANY_TRANSACTIONS, ({ stock, ours }) => {
    return errorOf(stock)?.code === "TRANSACTION_ACTIVE" && "value" in ours.outcome;
  }),
  errors("how many transactions there are", MANY_TRANSACTIONS, (stock, ours) => {
    const isActive = stock.code === "TRANSACTION_ACTIVE" && ours.code === stock.code;
    const tells = ours.message?.includes("connections for transactions are in use");
    return isActive && tells === true ? stock : undefined;
  }),
  answers("read means read", '"read" transactions and batches', ({ stock, ours }) => {
    return "value" in stock.outcome && errorOf(ours)?.code === "SQLITE_READONLY";
  }),
  answers("foreign keys stay off", "`PRAGMA foreign_keys` after `migrate`", (pair, step) => {
    const value = ({ outcome }: Observation): unknown =>
      resultsOf({ outcome, closed: {} })[0]?.rows[0]?.byIndex[0];
    return isSame(sqlOf(step), ["pragma foreign_keys"]) && value(pair.stock) === 1 && value(pair.ours) === 0; // prettier-ignore
  }),
  answers("tuples to migrate", "`migrate` with `[sql, args]` tuples", ({ stock, ours }, step) => {
    const isMigration = step.call === "migrate" && step.tuples === true;
    return isMigration && errorOf(stock)?.class === "TypeError" && "value" in ours.outcome;
  }),

  // --- SQLite
  answers("functions of a newer SQLite", "version", ({ stock, ours }) => {
    const message = errorOf(stock)?.message ?? "";
    const isNew = /no such function: json_pretty$|wrong number of arguments to function iif\(\)$/;
    return isNew.test(message) && "value" in ours.outcome;
  }),
  answers("plans of a newer SQLite", "version", ({ stock, ours }, step) => {
    const isPlan = sqlOf(step).every((sql) => sql.startsWith("explain "));
    return isPlan && "value" in stock.outcome && "value" in ours.outcome;
  }),
  answers("math", "math functions", (_pair, step) => {
    return sqlOf(step).every((sql) => /^select (log2|pow|mod|trunc|sqrt)\(/.test(sql));
  }),
  answers("functions that only stock has", "functions and tables for files", ({ stock, ours }) => {
    const message = errorOf(ours)?.message ?? "";
    const isMissing = /no such function: readfile$/m;
    return isMissing.test(message) && "value" in stock.outcome;
  }),
  leaves("numbers as text", "REAL as text", (stock, ours) => {
    const number = Number(ours);
    return ours !== "" && Number(stock) === Number(number.toPrecision(15));
  }),
];

// --- making rules ---------------------------------------------------------------------------------

/** A rule for errors: gives ours made the same, or nothing where it does not apply. */
function errors(
  name: string,
  row: string,
  same: (stock: DescribedError, ours: DescribedError, step: Step) => DescribedError | undefined,
): KnownDifference {
  return {
    name,
    row,
    reconcile({ stock, ours }, step) {
      if (!("error" in stock.outcome) || !("error" in ours.outcome)) return;
      ours.outcome.error =
        same(stock.outcome.error, ours.outcome.error, step) ?? ours.outcome.error;
    },
  };
}

/** A rule for whole answers: whether the difference is the one that it is about. */
function answers(
  name: string,
  row: string,
  isKnown: (pair: Pair, step: Step) => boolean,
): KnownDifference {
  return {
    name,
    row,
    reconcile(pair, step) {
      if (isDeepStrictEqual(pair.stock.outcome, pair.ours.outcome)) return;
      if (isKnown(pair, step)) pair.ours.outcome = pair.stock.outcome;
    },
  };
}

/** A rule for the texts in an answer, wherever they are. */
function leaves(
  name: string,
  row: string,
  isKnown: (stock: string, ours: string) => boolean,
): KnownDifference {
  const same = (stock: unknown, ours: unknown): unknown => {
    if (typeof stock === "string" && typeof ours === "string") {
      return stock !== ours && isKnown(stock, ours) ? stock : ours;
    }
    if (isTree(stock) && isTree(ours)) {
      for (const key of Object.keys(ours)) ours[key] = same(stock[key], ours[key]);
    }
    return ours;
  };
  return {
    name,
    row,
    reconcile({ stock, ours }) {
      same(resultsOf(stock), resultsOf(ours));
    },
  };
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !(value instanceof ArrayBuffer);
}

function isSame(left: unknown, right: unknown): boolean {
  return isDeepStrictEqual(left, right);
}

function errorOf({ outcome }: Observation): DescribedError | undefined {
  return "error" in outcome ? outcome.error : undefined;
}

function isUnsupported(error: DescribedError | undefined): boolean {
  return error?.message === "SQLite3 can only bind numbers, strings, bigints, buffers, and null";
}

/** A rule for result sets, each with its statement. */
function results(
  name: string,
  row: string,
  reconcileResults: (
    stock: DescribedResultSet,
    ours: DescribedResultSet,
    statement: Statement,
  ) => void,
): KnownDifference {
  return {
    name,
    row,
    reconcile({ stock, ours }, step) {
      const [theirs, own] = [resultsOf(stock), resultsOf(ours)];
      for (const [index, statement] of statementsOf(step).entries()) {
        const [left, right] = [theirs[index], own[index]];
        if (left !== undefined && right !== undefined) reconcileResults(left, right, statement);
      }
    },
  };
}

/** A rule for rows. */
function rows(
  name: string,
  row: string,
  reconcileRows: (stock: DescribedRow, ours: DescribedRow, columns: string[]) => void,
): KnownDifference {
  return results(name, row, (stock, ours) => {
    for (const [index, theirs] of stock.rows.entries()) {
      const own = ours.rows[index];
      if (own !== undefined) reconcileRows(theirs, own, stock.columns);
    }
  });
}

function resultsOf({ outcome }: Observation): DescribedResultSet[] {
  return "value" in outcome && "results" in outcome.value ? outcome.value.results : [];
}

function statementsOf(step: Step): Statement[] {
  switch (step.call) {
    case "execute":
      return "sql" in step.statement ? [step.statement] : [];
    case "executeSql":
      return [step.statement];
    case "batch":
    case "migrate":
      return step.statements;
    default:
      return [];
  }
}

function sqlOf(step: Step): string[] {
  if (step.call === "together") return step.steps.flatMap(sqlOf);
  if (step.call === "executeMultiple") return [step.sql];
  return statementsOf(step).map(({ sql }) => sql);
}

function argumentsOf(step: Step): Argument[] {
  return statementsOf(step).flatMap(({ args = [] }) =>
    Array.isArray(args) ? args : args.named.map(([, value]) => value),
  );
}

function hasNamedArguments({ sql, args }: Statement): boolean {
  return args !== undefined && "named" in args && /\?(?!\d)/.test(sql);
}

/** The `args` of something passed in place of a statement. */
function wrongArguments(step: Step): unknown {
  if (step.call !== "execute" || !("wrong" in step.statement)) return undefined;
  const { wrong } = step.statement;
  return typeof wrong === "object" && wrong !== null && "args" in wrong ? wrong.args : undefined;
}

function isOn(step: Step, call: Step["call"]): boolean {
  return step.call === call;
}

/** Takes over the stock client's counts, also in what `toJSON` made of them. */
function sameCounts(stock: DescribedResultSet, ours: DescribedResultSet): void {
  const { rowsAffected, lastInsertRowid } = stock;
  Object.assign(ours, { rowsAffected, lastInsertRowid });
  if (!("value" in ours.json) || !("value" in stock.json)) return;
  const { rowsAffected: count, lastInsertRowid: rowid } = stock.json.value as Counts;
  Object.assign(ours.json.value as Counts, { rowsAffected: count, lastInsertRowid: rowid });
}

interface Counts {
  rowsAffected: unknown;
  lastInsertRowid: unknown;
}
