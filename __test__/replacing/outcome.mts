/** What a database must be after a swap that a crash has ended. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createClient } from "latchdb";
import { recover } from "latchdb/swap";
import { NAME, ROWS, copyDatabaseFiles, lookAt, namesBeside } from "../support/ledger/sandbox.mjs";
import type { Sandbox } from "../support/ledger/sandbox.mjs";
import type { StockReader } from "../support/ledger/stock-reader.mjs";
import type { JournalMode } from "../support/queries.mjs";

export interface Expected {
  /** The old database's, or undefined where there was none. */
  mode: JournalMode | undefined;
  /** Whether the old one was to be kept. */
  backup: boolean;
}

/** What was found. */
export interface Outcome {
  /** What those saw who know nothing of swaps, before anything was set right. */
  seen: string;
  problems: string[];
}

export const OLD_ROWS = `old ${ROWS}`;
export const NEW_ROWS = `new ${ROWS}`;
export const NONE = "none";

/** What a database was before its swap. */
export function before({ mode }: Expected): string {
  return mode === undefined ? NONE : OLD_ROWS;
}

/**
 * Looks at what a crash has left. Whoever opens the database, latchdb or not, finds all of the old one
 * or all of the new one; after a recovery it is the same one, in its journal mode; the old one is kept
 * where it was to be, and only once it is no longer the database; nothing else is there.
 */
export async function examine(
  sandbox: Sandbox,
  expected: Expected,
  look: StockReader,
  how: "open" | "recover",
): Promise<Outcome> {
  const seen = await seenByStock(sandbox, look);
  const problems: string[] = [];
  if (seen !== before(expected) && seen !== NEW_ROWS) problems.push(`the stock client: ${seen}`);
  try {
    await setRight(sandbox.target, how);
    problems.push(...(await problemsOf(sandbox.target, expected, seen)));
  } catch (error) {
    problems.push(String(error));
  }
  return { seen, problems };
}

/** What is wrong with a database that must be `is`, and must be right. */
export async function problemsOf(
  target: string,
  { mode, backup }: Expected,
  is: string,
): Promise<string[]> {
  const isThere = existsSync(target);
  const found = isThere ? await lookAt(target) : { is: NONE, journalMode: undefined };
  const problems: string[] = [];
  if (found.is !== is) problems.push(`${found.is}, and not ${is}`);
  if (isThere && found.journalMode !== (mode ?? "delete")) {
    problems.push(`${found.is}, journal mode ${String(found.journalMode)}`);
  }
  const beside = await namesBeside(target);
  const kept = beside.filter((name) => name.startsWith(`${NAME}.v1-v2-`));
  if (kept.length < beside.length) problems.push(`${found.is}, beside ${beside.join(", ")}`);
  const mustKeep = backup && mode !== undefined && found.is === NEW_ROWS;
  if (kept.length !== (mustKeep ? 1 : 0)) problems.push(`${found.is}, ${kept.length} backups`);
  for (const name of kept) {
    const { is: old } = await lookAt(join(dirname(target), name));
    if (old !== OLD_ROWS) problems.push(`the backup: ${old}`);
  }
  return problems;
}

/** Sets right what is left of a swap. */
export async function setRight(target: string, how: "open" | "recover"): Promise<void> {
  // Where there is no database, opening it makes one.
  if (how === "recover" || !existsSync(target)) await recover(target);
  else createClient({ url: `file:${target}` }).close();
}

/** Without changing anything of what lies there. */
async function seenByStock(sandbox: Sandbox, look: StockReader): Promise<string> {
  if (!existsSync(sandbox.target)) return NONE;
  const directory = await mkdtemp(join(sandbox.scratch, "copy-"));
  try {
    return await look(await copyDatabaseFiles(sandbox.root, directory));
  } finally {
    await rm(directory, { recursive: true });
  }
}
