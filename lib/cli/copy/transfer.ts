/** Copies a database from one client to another, in one transaction of each. */
import type { LatchClient, LatchTransaction } from "../../../index.js";
import { CopyError, step } from "./errors";
import { quoted } from "./names";
import { readRows, type Batch } from "./reader";
import { readSchema, type Schema, type SchemaObject, type Table } from "./schema";
import { copyInternal, create, deferForeignKeys, emptyTarget } from "./target";
import { writeRows } from "./writer";

export interface TransferOptions {
  /** Whether what is in the target is dropped. */
  replace: boolean;
  signal: AbortSignal;
  /** Is told, after each batch, how many of all rows are written, and what is being copied. */
  onProgress(done: number, total: number, step: string): void;
}

export interface TransferResult {
  tables: number;
  rows: number;
  /** What the target does not take, in words. */
  refused: string[];
}

/** @throws CopyError; the signal's `reason`. Then the target is as it was. */
export async function transfer(
  source: LatchClient,
  target: LatchClient,
  options: TransferOptions,
): Promise<TransferResult> {
  const { signal } = options;
  const reading = await step("read the source", signal, () => source.transaction("read"));
  try {
    const schema = await step("read the schema of the source", signal, () => readSchema(reading));
    const counts = await countRows(reading, schema.contents, "source", signal);
    // A transaction cannot change it, and a server does not.
    if (target.protocol === "file") await target.execute("PRAGMA foreign_keys = OFF");
    const writing = await step("write to the target", signal, () => target.transaction("write"));
    try {
      // SQLite keeps the encoding of a database that has tables. A server has UTF-8 alone.
      if (target.protocol === "file") {
        await writing.execute(`PRAGMA encoding = '${schema.encoding}'`);
      }
      const result = await fill(reading, writing, schema, counts, options);
      await step("commit (the target has all of the copy, or nothing of it)", signal, () =>
        writing.commit(),
      );
      return result;
    } finally {
      // Rolls back where the copy has failed.
      writing.close();
    }
  } finally {
    reading.close();
  }
}

async function fill(
  source: LatchTransaction,
  target: LatchTransaction,
  schema: Schema,
  counts: Map<string, number>,
  { replace, signal, onProgress }: TransferOptions,
): Promise<TransferResult> {
  await emptyTarget(target, replace, signal);
  const checksForeignKeys = await deferForeignKeys(target);
  await create(target, schema.tables, signal);
  // What a foreign key refers to must be unique when it is checked.
  const early = schema.rest.filter((object) => checksForeignKeys && isUniqueIndex(object));
  await create(target, early, signal);
  for (const name of schema.shadows) {
    await step(`empty ${name} in the target`, signal, () =>
      target.execute(`DELETE FROM ${quoted(name)}`),
    );
  }
  const total = sum(counts);
  let done = 0;
  for (const table of schema.contents) {
    await step(`copy the rows of ${table.name}`, signal, async () => {
      const rows = readRows(source, table, schema.encoding === "UTF-8", signal);
      for await (const batch of ahead(rows)) {
        await writeRows(target, table, batch, signal);
        done += batch.length;
        onProgress(done, total, table.name);
      }
    });
  }
  const late = schema.rest.filter((object) => !early.includes(object));
  if (late.length > 0) onProgress(done, total, "indexes, views and triggers");
  await create(target, late, signal);
  const refused = await copyInternal(source, target, schema, signal);
  const written = await countRows(target, schema.contents, "target", signal);
  for (const [name, count] of counts) {
    if (written.get(name) === count) continue;
    throw new CopyError(
      `the source has ${count} rows in ${name}, and the target has got ${written.get(name)}: the copy is rolled back`,
    );
  }
  return { tables: schema.tables.length, rows: total, refused };
}

/** Reads the next batch while the last one is being written. */
async function* ahead(batches: AsyncGenerator<Batch>): AsyncGenerator<Batch> {
  let next = batches.next();
  for (let result = await next; result.done !== true; result = await next) {
    next = batches.next();
    // Its rejection is dealt with where it is awaited, after the write.
    next.catch(() => undefined);
    yield result.value;
  }
}

async function countRows(
  transaction: LatchTransaction,
  tables: Table[],
  where: string,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { name } of tables) {
    await step(`count the rows of ${name} in the ${where}`, signal, async () => {
      const sql = `SELECT count(*) FROM ${quoted(name)}`;
      const { rows } = await transaction.execute({ sql, signal });
      counts.set(name, Number(rows[0]?.[0]));
    });
  }
  return counts;
}

function isUniqueIndex({ type, sql }: SchemaObject): boolean {
  return type === "index" && /^\s*create\s+unique\s/i.test(sql);
}

function sum(counts: Map<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
