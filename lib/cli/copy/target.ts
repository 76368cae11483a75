/** What a copy does to its target besides rows. */
import type { LatchTransaction } from "../../../index.js";
import { CopyError, step } from "./errors";
import { quoted } from "./names";
import { ownEntries, type Schema, type SchemaObject } from "./schema";

/** Makes sure that nothing is in the target: refuses what is there, or drops it. */
export async function emptyTarget(
  target: LatchTransaction,
  replace: boolean,
  signal: AbortSignal,
): Promise<void> {
  const entries = await ownEntries(target);
  if (entries.length === 0) return;
  if (!replace) {
    const names = entries.slice(0, 3).map(({ name }) => name);
    const more = entries.length > names.length ? ", …" : "";
    throw new CopyError(
      `the target is not empty: it has ${names.join(", ")}${more}. Name a new database, or drop all that is in this one with --replace`,
    );
  }
  const { rows } = await target.execute(
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual'",
  );
  const virtual = new Set(rows.map((row) => String(row[0])));
  const ofType = (type: string): string[] =>
    entries.filter((entry) => entry.type === type).map(({ name }) => name);
  for (const name of ofType("view")) {
    await step(`drop the view ${name} of the target`, signal, () =>
      target.execute(`DROP VIEW ${quoted(name)}`),
    );
  }
  const tables = ofType("table");
  // The shadow tables of a virtual table go with it.
  for (const name of [
    ...tables.filter((table) => virtual.has(table)),
    ...tables.filter((table) => !virtual.has(table)),
  ]) {
    await step(`drop the table ${name} of the target`, signal, () =>
      target.execute(`DROP TABLE IF EXISTS ${quoted(name)}`),
    );
  }
}

/** Makes what the statements of a schema say. */
export async function create(
  target: LatchTransaction,
  objects: SchemaObject[],
  signal: AbortSignal,
): Promise<void> {
  for (const { type, name, sql } of objects) {
    await step(`create the ${type} ${name} in the target`, signal, () =>
      target.execute({ sql, signal }),
    );
  }
}

/**
 * Whether the target checks foreign keys. A transaction cannot change that. It checks them at its end
 * then, because a row may come before the one that it refers to.
 */
export async function deferForeignKeys(target: LatchTransaction): Promise<boolean> {
  const { rows } = await target.execute("PRAGMA foreign_keys");
  if (rows[0]?.[0] !== 1n) return false;
  await target.execute("PRAGMA defer_foreign_keys = ON");
  return true;
}

/**
 * Copies the rows of sqlite_sequence and sqlite_stat1, and the numbers in the header.
 * @returns what the target does not take
 */
export async function copyInternal(
  source: LatchTransaction,
  target: LatchTransaction,
  schema: Schema,
  signal: AbortSignal,
): Promise<string[]> {
  const refused: string[] = [];
  for (const name of schema.internal) {
    // As in `.dump`: makes the tables of ANALYZE, and analyzes nothing.
    if (name === "sqlite_stat1" && !(await isTaken(target, "ANALYZE sqlite_schema"))) {
      refused.push("the statistics of ANALYZE");
      continue;
    }
    await step(`copy the rows of ${name}`, signal, async () => {
      const { columns, rows } = await source.execute(`SELECT * FROM ${name}`);
      // A database keeps an empty sqlite_sequence after its last table with AUTOINCREMENT.
      if (rows.length === 0 && !(await hasTable(target, name))) return;
      await target.execute(`DELETE FROM ${name}`);
      for (const row of rows) {
        await target.execute({
          sql: `INSERT INTO ${name} VALUES (${columns.map(() => "?").join(", ")})`,
          args: Array.from(row),
        });
      }
    });
  }
  await step("set the user_version of the target", signal, () =>
    target.execute(`PRAGMA user_version = ${schema.userVersion}`),
  );
  const applicationId = `PRAGMA application_id = ${schema.applicationId}`;
  const { rows } = await target.execute("PRAGMA application_id");
  if (rows[0]?.[0] !== schema.applicationId && !(await isTaken(target, applicationId))) {
    refused.push("the application_id");
  }
  return refused;
}

async function hasTable(target: LatchTransaction, name: string): Promise<boolean> {
  const sql = "SELECT 1 FROM sqlite_schema WHERE name = ?";
  return (await target.execute({ sql, args: [name] })).rows.length > 0;
}

/** Runs a statement that some servers refuse. */
async function isTaken(target: LatchTransaction, sql: string): Promise<boolean> {
  try {
    await target.execute(sql);
    return true;
  } catch (error) {
    if (target.closed) throw error;
    return false;
  }
}
