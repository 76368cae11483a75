/** Directories with a database as a crash of its last user left it: hot. */
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import { selectValue, temporaryDirectory } from "../database.mjs";
import type { JournalMode } from "../queries.mjs";
import { NEW, OLD, add, create, describe } from "./ledger.mjs";

/** How many rows the old database has: all that were committed. */
export const ROWS = 80;
/** Of those, in "wal": how many are in the -wal alone. */
const IN_WAL = 20;

export const NAME = "data.db";

/** A base for directories in which a lot is synced, where the system has one in memory. */
export const inMemory: string | undefined = existsSync("/dev/shm") ? "/dev/shm" : undefined;

/** What is beside a database while it is used, and after a crash. */
export const SIDECARS = ["-wal", "-shm", "-journal"];

/** A directory in which a database is replaced. */
export interface Sandbox {
  /** Without symbolic links; nothing but the database and what is beside it. */
  root: string;
  target: string;
  /** Beside the root, and on the same file system. */
  scratch: string;
}

/**
 * A database with {@link ROWS} committed rows. In "wal" the last ones are in a -wal that nobody has
 * checkpointed, with its -shm; in "delete" there is the journal of a transaction that did not end,
 * and pages of it are in the database. `mode` undefined: there is no database.
 */
export async function makeSandbox(
  t: ExecutionContext,
  mode: JournalMode | undefined,
  base?: string,
): Promise<Sandbox> {
  const directory = await realpath(await temporaryDirectory(t, base));
  const [root, scratch] = [join(directory, "live"), join(directory, "scratch")];
  await mkdir(root);
  await mkdir(scratch);
  if (mode !== undefined) await copyDatabaseFiles(await hotDatabase(t, mode), root);
  return { root, target: join(root, NAME), scratch };
}

/** Copies the database and its sidecars as they lie there. */
export async function copyDatabaseFiles(from: string, to: string): Promise<string> {
  for (const name of await readdir(from)) {
    if (SIDECARS.some((suffix) => name === NAME + suffix) || name === NAME) {
      await copyFile(join(from, name), join(to, name));
    }
  }
  return join(to, NAME);
}

const made = new WeakMap<ExecutionContext, Map<JournalMode, Promise<string>>>();

/** Made once for each test. */
function hotDatabase(t: ExecutionContext, mode: JournalMode): Promise<string> {
  const ofTest = made.get(t) ?? new Map<JournalMode, Promise<string>>();
  made.set(t, ofTest);
  const known =
    ofTest.get(mode) ?? temporaryDirectory(t).then((directory) => makeHotDatabase(directory, mode));
  ofTest.set(mode, known);
  return known;
}

/** Makes it, in an empty directory. Answers the directory that holds nothing else. */
export async function makeHotDatabase(directory: string, mode: JournalMode): Promise<string> {
  const [live, copy] = [join(directory, "made"), join(directory, "hot")];
  await mkdir(live);
  await mkdir(copy);
  const client = createClient({ url: `file:${join(live, NAME)}`, concurrency: 1 });
  try {
    await client.execute(`pragma journal_mode = ${mode}`);
    await create(client, OLD);
    if (mode === "wal") {
      await client.execute("pragma wal_autocheckpoint = 0");
      await add(client, OLD, 1, ROWS - IN_WAL);
      await client.execute("pragma wal_checkpoint(truncate)");
      for (let id = ROWS - IN_WAL; id < ROWS; id += 4) await add(client, OLD, id + 1, id + 4);
      await copyDatabaseFiles(live, copy);
    } else {
      await add(client, OLD, 1, ROWS);
      // With few pages in its cache it writes some of the transaction before its end.
      await client.execute("pragma cache_size = 10");
      const transaction = await client.transaction("write");
      await transaction.execute(`update entry set version = ${NEW}, body = 'never committed'`);
      await copyDatabaseFiles(live, copy);
      await transaction.rollback();
    }
  } finally {
    client.close();
  }
  const names = await readdir(copy);
  const sidecars = mode === "wal" ? [`${NAME}-shm`, `${NAME}-wal`] : [`${NAME}-journal`];
  if (names.sort().join() !== [NAME, ...sidecars].join()) {
    throw new Error(`The ${mode} database is not hot: ${names.join(", ")}`);
  }
  return copy;
}

/**
 * What a database is once we have opened it, and its journal mode. It can be written, too: with that
 * SQLite removes a journal of a transaction that had hardly begun.
 */
export async function lookAt(file: string): Promise<{ is: string; journalMode: unknown }> {
  const client = createClient({ url: `file:${file}` });
  try {
    const is = await describe(client);
    const journalMode = await selectValue(client, "pragma journal_mode");
    await client.execute("pragma application_id = 7");
    return { is, journalMode };
  } finally {
    client.close();
  }
}

/** The names in the directory of a database, but for its own. */
export async function namesBeside(file: string): Promise<string[]> {
  return (await readdir(dirname(file))).filter((name) => name !== basename(file)).sort();
}
