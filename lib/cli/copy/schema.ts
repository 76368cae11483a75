/** What is in a database: the order of a copy. */
import type { LatchTransaction } from "../../../index.js";
import { quoted } from "./names";

/** A table whose rows are copied. */
export interface Table {
  name: string;
  /** The columns that are written: all but the generated ones. */
  columns: string[];
  /** What identifies a row, in the order of reading. Empty where nothing in SQL does. */
  key: KeyColumn[];
  /** The name by which the rowid is written, where no column is the rowid. */
  rowid: string | undefined;
}

/** An expression that identifies a row, alone or with others. */
export interface KeyColumn {
  /** The name, quoted. */
  name: string;
  /** The collation by which the primary key compares. */
  collation: string;
  descending: boolean;
}

/** A statement of the schema. */
export interface SchemaObject {
  type: "table" | "index" | "view" | "trigger";
  name: string;
  sql: string;
}

/** Everything that a copy makes. */
export interface Schema {
  /** The ordinary tables, then the virtual ones. */
  tables: SchemaObject[];
  /** What is made after the rows: indexes, views, triggers. */
  rest: SchemaObject[];
  /** The tables with rows of their own: ordinary ones, and the shadow tables of virtual ones. */
  contents: Table[];
  /** The names of the shadow tables. CREATE VIRTUAL TABLE makes them, with rows in some. */
  shadows: Set<string>;
  /** Whether there are rows in sqlite_sequence (AUTOINCREMENT) and sqlite_stat1 (ANALYZE). */
  internal: string[];
  userVersion: bigint;
  applicationId: bigint;
  encoding: string;
}

interface Entry extends Omit<SchemaObject, "sql"> {
  table: string;
  sql: string | null;
}

/** Tables of SQLite's own with rows that belong to the database. */
const INTERNAL = ["sqlite_sequence", "sqlite_stat1"];

/** Reads the schema in a transaction. */
export async function readSchema(transaction: LatchTransaction): Promise<Schema> {
  const entries = await readEntries(transaction);
  const kinds = await readKinds(transaction);
  const made = madeByServer(entries);
  const isOwn = ({ name }: Entry): boolean => !/^sqlite_/i.test(name) && !made.has(name);
  const isKind = (name: string, kind: string): boolean => kinds.get(name)?.type === kind;
  const own = entries.filter(isOwn);
  const all = own.filter(({ type }) => type === "table");
  const contents: Table[] = [];
  // A virtual table has its rows in its shadow tables.
  for (const { name } of all.filter((entry) => !isKind(entry.name, "virtual"))) {
    contents.push(await readTable(transaction, name, kinds.get(name)?.withoutRowid === true));
  }
  const created = own.filter(
    ({ name, table }) => !isKind(name, "shadow") && !isKind(table, "shadow"),
  );
  const ofType = (type: string): SchemaObject[] =>
    created.flatMap(({ sql, ...entry }) =>
      entry.type === type && sql !== null ? [{ ...entry, sql }] : [],
    );
  const isVirtual = ({ name }: SchemaObject): boolean => isKind(name, "virtual");
  const tables = ofType("table");
  return {
    tables: [...tables.filter((object) => !isVirtual(object)), ...tables.filter(isVirtual)],
    rest: [...ofType("index"), ...ofType("view"), ...ofType("trigger")],
    contents,
    shadows: new Set(all.map(({ name }) => name).filter((name) => isKind(name, "shadow"))),
    internal: INTERNAL.filter((name) => entries.some((entry) => entry.name === name)),
    userVersion: await readPragma(transaction, "user_version"),
    applicationId: await readPragma(transaction, "application_id"),
    encoding: String(await readPragma(transaction, "encoding")),
  };
}

/** The entries of the schema that a person has made. */
export async function ownEntries(transaction: LatchTransaction): Promise<Entry[]> {
  const entries = await readEntries(transaction);
  const made = madeByServer(entries);
  return entries.filter(({ name }) => !/^sqlite_/i.test(name) && !made.has(name));
}

async function readEntries(transaction: LatchTransaction): Promise<Entry[]> {
  const { rows } = await transaction.execute(
    "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid",
  );
  return rows.map((row) => ({
    type: row[0] as Entry["type"],
    name: String(row[1]),
    table: String(row[2]),
    sql: row[3] as string | null,
  }));
}

/** The tables that a libSQL server makes itself: its own, and those of each vector index. */
function madeByServer(entries: Entry[]): Set<string> {
  const made = new Set(["libsql_wasm_func_table", "libsql_vector_meta_shadow"]);
  for (const { type, name, sql } of entries) {
    if (type === "index" && /libsql_vector_idx\s*\(/i.test(sql ?? "")) made.add(`${name}_shadow`);
  }
  return new Set(entries.map(({ name }) => name).filter((name) => made.has(name)));
}

async function readKinds(
  transaction: LatchTransaction,
): Promise<Map<string, { type: string; withoutRowid: boolean }>> {
  const { rows } = await transaction.execute(
    "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main'",
  );
  return new Map(
    rows.map((row) => [String(row[0]), { type: String(row[1]), withoutRowid: row[2] === 1n }]),
  );
}

async function readTable(
  transaction: LatchTransaction,
  name: string,
  withoutRowid: boolean,
): Promise<Table> {
  const { rows } = await transaction.execute({
    sql: "SELECT name, hidden FROM pragma_table_xinfo(?) ORDER BY cid",
    args: [name],
  });
  const all = rows.map((row) => String(row[0]));
  // 2 and 3 are generated columns.
  const columns = rows.filter((row) => row[1] === 0n).map((row) => String(row[0]));
  if (withoutRowid) {
    return { name, columns, key: await primaryKey(transaction, name), rowid: undefined };
  }
  const taken = new Set(all.map((column) => column.toLowerCase()));
  const alias = await rowidColumn(transaction, name);
  const rowid = ["rowid", "_rowid_", "oid"].find((candidate) => !taken.has(candidate));
  const identity = alias === undefined ? rowid : quoted(alias);
  const key =
    identity === undefined ? [] : [{ name: identity, collation: "BINARY", descending: false }];
  return { name, columns, key, rowid: alias === undefined ? rowid : undefined };
}

/** The column that is the rowid: an INTEGER PRIMARY KEY for which SQLite has made no index. */
async function rowidColumn(
  transaction: LatchTransaction,
  table: string,
): Promise<string | undefined> {
  const { rows } = await transaction.execute({
    sql: `SELECT name, type FROM pragma_table_xinfo(?1) WHERE pk > 0
      AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')`,
    args: [table],
  });
  const [column] = rows;
  if (column === undefined || rows.length > 1) return undefined;
  return String(column[1]).toUpperCase() === "INTEGER" ? String(column[0]) : undefined;
}

async function primaryKey(transaction: LatchTransaction, table: string): Promise<KeyColumn[]> {
  const { rows } = await transaction.execute({
    sql: `SELECT x.name, x.coll, x."desc" FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS x
      WHERE l.origin = 'pk' AND x.key = 1 ORDER BY x.seqno`,
    args: [table],
  });
  return rows.map((row) => ({
    name: quoted(String(row[0])),
    collation: String(row[1]),
    descending: row[2] === 1n,
  }));
}

async function readPragma(transaction: LatchTransaction, name: string): Promise<bigint> {
  const { rows } = await transaction.execute(`PRAGMA ${name}`);
  return rows[0]?.[0] as bigint;
}
