/** Databases of version 1 and 2 of the same thing: the rows of `item`, whose labels say which. */
import { readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import type { LocalClient } from "latchdb";
import { SwapError, type DatabaseSwapProgress } from "latchdb/swap";
import { temporaryDatabase } from "../support/database.mjs";

export const ROWS = 500;

/** Fills a database with the rows of a version. */
export async function fill(client: LocalClient, version: number, rows = ROWS): Promise<void> {
  await client.executeMultiple(`
    create table item (id integer primary key, label text not null);
    create index item_label on item (label);
    with recursive n (i) as (values (1) union all select i + 1 from n where i < ${rows})
    insert into item select i, 'version ${version}' from n;
    pragma user_version = ${version};
  `);
}

/** Which version a database is of. Fails where its rows are of more than one, or not all there. */
export async function versionOf(
  t: ExecutionContext,
  client: LocalClient,
  rows = ROWS,
): Promise<number> {
  const found = await client.execute(`
    select count(*) as rows, min(label) as first, max(label) as last,
      (select user_version from pragma_user_version) as version
    from item`);
  const [count, first, last, version] = Array.from(found.rows[0] ?? []);
  t.is(count, rows);
  t.is(first, last, "rows of two versions");
  t.is(first, `version ${version}`);
  return Number(version);
}

/** A client on a database of version 1. */
export interface Versioned {
  file: string;
  directory: string;
  client: LocalClient;
  /** A further client on the file; the end of the test closes it. */
  open(options?: { timeout?: number }): LocalClient;
  /** What is in the database's directory. */
  names(): Promise<string[]>;
}

export async function versionOne(t: ExecutionContext, mode: string): Promise<Versioned> {
  const { file, directory, open } = await temporaryDatabase(t);
  const client = open();
  await client.execute(`pragma journal_mode = ${mode}`);
  await fill(client, 1);
  return { file, directory, client, open, names: async () => (await readdir(directory)).sort() };
}

/** What a `build` does that writes the next version. */
export async function nextVersion(staging: LocalClient, old?: LocalClient): Promise<void> {
  if (old === undefined) return fill(staging, 1);
  const { rows } = await old.execute("pragma user_version");
  await fill(staging, Number(rows[0]?.[0]) + 1);
}

/** Reads the version of a database that nobody has open, and leaves nothing of that. */
export async function versionInFile(t: ExecutionContext, file: string): Promise<number> {
  const client = createClient({ url: `file:${file}` });
  try {
    return await versionOf(t, client);
  } finally {
    client.close();
  }
}

/** The old database is there as it was, and nothing beside it. */
export async function assertUntouched(
  t: ExecutionContext,
  { file, client }: Versioned,
  mode: string,
): Promise<void> {
  t.is(await versionOf(t, client), 1);
  t.is((await client.execute("pragma journal_mode")).rows[0]?.[0], mode);
  client.close();
  t.deepEqual(await readdir(dirname(file)), [basename(file)]);
}

/** The SwapError that a call fails with. */
export async function swapError(
  t: ExecutionContext,
  action: () => Promise<unknown>,
): Promise<SwapError> {
  const error = await t.throwsAsync(action, { instanceOf: SwapError });
  t.true(error.message.startsWith(`${error.code}: `), error.message);
  t.true(error.message.includes(error.path), error.message);
  t.false(error.committed);
  return error;
}

/** Collects the steps that begin. */
export function stepsInto(steps: string[]): (progress: DatabaseSwapProgress) => void {
  return ({ step }) => {
    if (steps.at(-1) !== step) steps.push(step);
  };
}
