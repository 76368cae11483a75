/** Writes batches of rows. */
import type { LatchTransaction } from "../../../index.js";
import type { InStatement, Value } from "../../../types/core.js";
import { quoted } from "./names";
import { writtenColumns, type Batch } from "./reader";
import type { Table } from "./schema";
import { expressionOf, isPlain, type CopiedValue } from "./values";

/** The most rows of a statement. */
const ROWS = 256;
/** The most arguments of a statement. SQLite's limit is 32,766. */
const ARGUMENTS = 16_000;

export async function writeRows(
  target: LatchTransaction,
  table: Table,
  batch: Batch,
  signal: AbortSignal,
): Promise<void> {
  await target.batch(insertions(table, batch), { signal });
}

function insertions(table: Table, batch: Batch): InStatement[] {
  const columns = writtenColumns(table);
  const insert = `INSERT INTO ${quoted(table.name)} (${columns.join(", ")}) VALUES `;
  const marks = `(${columns.map(() => "?").join(", ")})`;
  const most = Math.max(1, Math.min(ROWS, Math.floor(ARGUMENTS / columns.length)));
  const statements: InStatement[] = [];
  for (let at = 0; at < batch.length; at += most) {
    const rows = batch.slice(at, at + most);
    const texts: string[] = [];
    const args: Value[] = [];
    for (const row of rows) {
      if (isPlainRow(row)) {
        texts.push(marks);
        for (const value of row) args.push(value);
      } else {
        const values = row.map(expressionOf);
        texts.push(`(${values.map(({ sql }) => sql).join(", ")})`);
        args.push(...values.flatMap((value) => value.args));
      }
    }
    statements.push({ sql: insert + texts.join(", "), args });
  }
  return statements;
}

function isPlainRow(row: CopiedValue[]): row is Value[] {
  return row.every(isPlain);
}
