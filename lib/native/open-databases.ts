/**
 * Which databases this copy of latchdb has open in its environment: to close them at the end of the
 * process, and those whose client was forgotten.
 */
import { isMainThread } from "node:worker_threads";
import { Submitted } from "../addon/binding.js";
import { addon } from "../addon/addon";
import { readRecords } from "../wire/response";
import { ClosingAnswer, type Closed } from "./closing";
import { attach, detach, expect, nextJob } from "./delivery";
import { clientClosed } from "./errors";
import { setTimeout } from "../timers";

/**
 * An open database, or a suspended one, whether or not somebody still has its client. It is known by
 * its identity: the addon's numbers begin anew with each attachment.
 */
export interface OpenDatabase<Owner extends object = object> {
  readonly attachment: number;
  readonly number: number;
  /** The absolute path of its file; SQLite's URI of a database in memory; empty for a temporary one. */
  readonly path: string;
  /** Who closes it in the ordinary way, until that is collected. */
  readonly owner: WeakRef<Owner>;
  /** Its closing on a thread of its own, once that began. */
  closing?: Promise<Closed>;
}

/** How long a closing lets finish what is queued. */
interface Draining {
  drain?: boolean;
  timeoutMs?: number;
  /** How long it had been draining before. */
  drainedBeforeMs?: number;
}

/** For how long this copy of latchdb stays attached to the addon when nothing is open, in ms. */
const STAY_ATTACHED_MS = 1000;

const open = new Set<OpenDatabase>();
let detaching: NodeJS.Timeout | undefined;

/**
 * Clients that were forgotten without being closed are closed once they are collected. Nothing
 * counts on it: the order of things is `close()`.
 */
const forgotten = new FinalizationRegistry<OpenDatabase>((database) => {
  // It may be too late in every respect: there is nobody to hear of it.
  if (open.has(database)) closeInBackground(database).catch(() => undefined);
});

/** Enters a database that was opened. */
export function enter(
  attachment: number,
  number: number,
  path: string,
  owner: object,
): OpenDatabase {
  // process.exit() and an uncaught error run no cleanup hook in the main thread.
  if (open.size === 0 && isMainThread) process.on("exit", closeAll);
  const database = { attachment, number, path, owner: new WeakRef(owner) };
  open.add(database);
  forgotten.register(owner, database, database);
  return database;
}

/** Takes out one that is closed. */
export function leave(database: OpenDatabase): void {
  if (!open.delete(database)) return;
  forgotten.unregister(database);
  if (open.size > 0) return;
  if (isMainThread) process.off("exit", closeAll);
  detachSoon();
}

/** Lets go of the addon soon, where nothing is open then: this copy of latchdb can be collected. */
export function detachSoon(): void {
  detaching ??= setTimeout(() => {
    detaching = undefined;
    // Answers may be on their way.
    if (open.size === 0 && !detach()) detachSoon();
  }, STAY_ATTACHED_MS).unref();
}

/** All that are open, or closing. */
export function openDatabases<Owner extends object>(): OpenDatabase<Owner>[] {
  return [...open] as OpenDatabase<Owner>[];
}

/**
 * Closes a database on a thread of its own. With `drain`, what is queued is let finish first, for
 * `timeoutMs` at most.
 */
export function closeInBackground(
  database: OpenDatabase,
  { drain = false, timeoutMs = 0, drainedBeforeMs = 0 }: Draining = {},
): Promise<Closed> {
  const closing = new ClosingAnswer(database.path, drainedBeforeMs);
  database.closing ??= closeConnections(database, closing, { drain, timeoutMs }, () => {
    // The thread is done: this joins it, and lets the number go.
    addon.closeDatabase(database.attachment, database.number);
    leave(database);
  });
  return database.closing;
}

/**
 * Closes the connections of a database on a thread of its own. It stays entered and keeps its number,
 * under which it can be opened again. Nothing of it may be running.
 */
export async function suspend(database: OpenDatabase): Promise<void> {
  await closeConnections(database, new ClosingAnswer(undefined), { drain: false, timeoutMs: 0 });
}

function closeConnections(
  { attachment, number }: OpenDatabase,
  closing: ClosingAnswer,
  { drain, timeoutMs }: { drain: boolean; timeoutMs: number },
  ended?: () => void,
): Promise<Closed> {
  return new Promise((resolve, reject) => {
    const job = nextJob();
    const submitted = addon.shutDownDatabase(attachment, number, job, drain, timeoutMs);
    if (submitted !== Submitted.Accepted) {
      // Its connections are closed already.
      ended?.();
      return reject(clientClosed());
    }
    expect(job, {
      // Of the end alone: what a record says, the closing keeps to itself.
      fail: reject,
      take(kind, record) {
        if (!closing.take(kind, record)) return false;
        ended?.();
        resolve(closing.result());
        return true;
      },
    });
  });
}

function closeAll(): void {
  const closings = new Map<number, ClosingAnswer>();
  for (const { number, path } of open) closings.set(number, new ClosingAnswer(path));
  readRecords(addon.closeAll(attach()), (number, kind, record) => {
    closings.get(number)?.take(kind, record);
  });
}
