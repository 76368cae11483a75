/** Writes the statements of a batch, a long one in several turns of the event loop. */
import type { InArgs, IntMode, TransactionMode } from "@libsql/core/api";
import { RequestWriter, type NumberOf, type StatementToWrite } from "../wire/request";
import type { InStatement } from "../statement";

/** A batch of so many statements is written at once. */
const AT_ONCE = 500;
/** How long a long one is written in one turn of the event loop, in ms. */
const TURN_MS = 4;
/** After how many statements the clock is looked at. */
const BETWEEN_LOOKS = 50;

/** A batch as the caller gave it. */
export interface Batch {
  statements: readonly (InStatement | [string, InArgs?])[];
  mode: TransactionMode;
  foreignKeysOff: boolean;
}

/** Whether a batch is written in one go. */
export function isShort(batch: Batch): boolean {
  return batch.statements.length <= AT_ONCE;
}

/** Writes a short batch into a writer that is shared. */
export function writeShort(
  writer: RequestWriter,
  batch: Batch,
  intMode: IntMode,
  numberOf: NumberOf,
): void {
  writer.batch(batch.mode, batch.foreignKeysOff, batch.statements.length);
  for (const statement of batch.statements) {
    writer.statement(toStatement(statement), intMode, numberOf);
  }
}

/** Writes a long batch into a writer of its own, leaving the event loop its turns. */
export async function writeLong(
  batch: Batch,
  intMode: IntMode,
  numberOf: NumberOf,
): Promise<RequestWriter> {
  const writer = new RequestWriter();
  // The caller may go on to change the list itself.
  const statements = batch.statements.slice();
  writer.batch(batch.mode, batch.foreignKeysOff, statements.length);
  let turnBegan = performance.now();
  for (let i = 0; i < statements.length; i++) {
    const statement = statements[i];
    if (statement !== undefined) writer.statement(toStatement(statement), intMode, numberOf);
    if (i % BETWEEN_LOOKS === 0 && performance.now() - turnBegan > TURN_MS) {
      await new Promise(setImmediate);
      turnBegan = performance.now();
    }
  }
  return writer;
}

function toStatement(statement: InStatement | [string, InArgs?]): StatementToWrite {
  if (typeof statement === "string") return { sql: statement };
  if (Array.isArray(statement)) return { sql: statement[0], args: statement[1] };
  return statement;
}
