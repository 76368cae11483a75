/** Reads the rows of a table in batches: as many at a time as fit into some memory. */
import type { LatchTransaction } from "../../../index.js";
import type { InValue, Row, Value } from "../../../types/core.js";
import { quoted } from "./names";
import type { KeyColumn, Table } from "./schema";
import { expressionOf, RawText, type CopiedValue } from "./values";

/** The most rows of a batch. */
const ROWS = 2000;
/** The bytes of a batch, without those of its last row. A server limits an answer to 10 MB. */
const BYTES = 1024 * 1024;

/** Rows to write: the values of the table's columns, after the rowid where it has a name. */
export type Batch = CopiedValue[][];

/**
 * Reads a table in the order of its key.
 * @param isUtf8 whether the database keeps texts as UTF-8
 */
export async function* readRows(
  source: LatchTransaction,
  table: Table,
  isUtf8: boolean,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  let after: CopiedValue[] | undefined;
  for (let count = 0; ;) {
    const range = rangeAfter(table, after, count);
    const select = (list: string[]): Promise<Row[]> =>
      source
        .execute({ sql: `SELECT ${list.join(", ")} ${range.sql}`, args: range.args, signal })
        .then(({ rows }) => rows as Row[]);
    const columns = [...table.key.map(({ name }) => name), ...writtenColumns(table)];
    const rows = await select(columns);
    if (rows.length === 0) return;
    const values = rows.map((row) => columns.map((_, at): CopiedValue => row[at] ?? null));
    if (isUtf8 && values.some((row) => row.some(mayBeRaw))) {
      restore(values, await select(columns.map((name) => `CAST(${name} AS BLOB)`)));
    }
    after = values.at(-1)?.slice(0, table.key.length);
    count += rows.length;
    yield values.map((row) => row.slice(table.key.length));
  }
}

/** The columns of an INSERT: the rowid where it is none of the others, and those of the table. */
export function writtenColumns({ rowid, columns }: Table): string[] {
  return [...(rowid === undefined ? [] : [rowid]), ...columns.map(quoted)];
}

/** The rest of a SELECT: the rows after a key, as many as a batch takes. */
function rangeAfter(
  table: Table,
  after: CopiedValue[] | undefined,
  count: number,
): { sql: string; args: InValue[] } {
  const from = `FROM ${quoted(table.name)}`;
  // Without a key, SQLite reads a table that nobody changes in the same order each time.
  if (table.key.length === 0) return { sql: `${from} LIMIT 1 OFFSET ${count}`, args: [] };
  const order = table.key.map(orderBy).join(", ");
  const where = after === undefined ? { sql: "", args: [] } : condition(table.key, after);
  const size = sum(table.columns.map((name) => `ifnull(octet_length(${quoted(name)}), 0)`));
  const keys = table.key.map((key, at) => `${key.name} AS k${at}`).join(", ");
  const orderOfKeys = table.key.map((key, at) => orderBy({ ...key, name: `k${at}` })).join(", ");
  const sizes = `SELECT ${keys}, ${size} AS size ${from} ${where.sql} ORDER BY ${order} LIMIT ${ROWS}`;
  const sums = `SELECT sum(size) OVER (ORDER BY ${orderOfKeys} ROWS UNBOUNDED PRECEDING) - size AS before FROM (${sizes})`;
  const limit = `SELECT count(*) FROM (${sums}) WHERE before < ${BYTES}`;
  return {
    sql: `${from} ${where.sql} ORDER BY ${order} LIMIT (${limit})`,
    args: [...where.args, ...where.args],
  };
}

function orderBy({ name, collation, descending }: KeyColumn): string {
  return `${name} COLLATE ${quoted(collation)}${descending ? " DESC" : ""}`;
}

/** The condition for the rows after a key. */
function condition(key: KeyColumn[], after: CopiedValue[]): { sql: string; args: Value[] } {
  const names = key.map(({ name, collation }) => `${name} COLLATE ${quoted(collation)}`);
  const values = after.map(expressionOf);
  const directions = new Set(key.map(({ descending }) => descending));
  if (directions.size === 1) {
    const operator = key[0]?.descending === true ? "<" : ">";
    return {
      sql: `WHERE (${names.join(", ")}) ${operator} (${values.map(({ sql }) => sql).join(", ")})`,
      args: values.flatMap(({ args }) => args),
    };
  }
  // Columns of both directions: the first one alone lets SQLite find the place in the index.
  let rest = { sql: "0", args: [] as Value[] };
  for (let at = key.length - 1; at >= 0; at--) {
    const descending = key[at]?.descending === true;
    const value = values[at] ?? { sql: "NULL", args: [] };
    const operator = descending ? "<" : ">";
    rest = {
      sql: `${names[at]} ${operator}= ${value.sql} AND (${names[at]} ${operator} ${value.sql} OR ${rest.sql})`,
      args: [...value.args, ...value.args, ...rest.args],
    };
  }
  return { sql: `WHERE ${rest.sql}`, args: rest.args };
}

/** A sum as a tree of little depth: SQLite limits the depth of an expression. */
function sum(terms: string[]): string {
  if (terms.length <= 1) return terms[0] ?? "0";
  const half = Math.ceil(terms.length / 2);
  return `(${sum(terms.slice(0, half))} + ${sum(terms.slice(half))})`;
}

/** Whether a text has the character that stands for bytes that are not UTF-8. */
function mayBeRaw(value: CopiedValue): boolean {
  return typeof value === "string" && value.includes("\ufffd");
}

/** Puts in the bytes of the texts that are not what JavaScript has made of them. */
function restore(values: Batch, blobs: Row[]): void {
  for (const [index, row] of values.entries()) {
    for (const [at, value] of row.entries()) {
      const bytes = blobs[index]?.[at];
      if (!mayBeRaw(value) || !(bytes instanceof ArrayBuffer)) continue;
      if (!Buffer.from(bytes).equals(Buffer.from(value as string))) row[at] = new RawText(bytes);
    }
  }
}
