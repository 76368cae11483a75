/**
 * Which databases this copy of latchdb has open in its environment: to close them at the end of the
 * process, and those whose client was forgotten.
 */
import { isMainThread } from "node:worker_threads";
import * as addon from "../../binding.js";
import { readRecords } from "../wire/response";
import { ClosingAnswer, type Closed } from "./closing";
import { attachment, expect, nextJob } from "./delivery";
import { clientClosed } from "./errors";

/** An open database, whether or not somebody still has its client. */
export interface OpenDatabase<Owner extends object = object> {
  readonly number: number;
  /** The absolute path of its file; SQLite's URI of a database in memory; empty for a temporary one. */
  readonly path: string;
  /** Who closes it in the ordinary way; undefined once that was collected. */
  readonly owner: Owner | undefined;
}

interface Entry {
  path: string;
  owner: WeakRef<object>;
}

const open = new Map<number, Entry>();

/**
 * Clients that were forgotten without being closed are closed once they are collected. Nothing
 * counts on it: the order of things is `close()`.
 */
const forgotten = new FinalizationRegistry<number>((number) => {
  const entry = open.get(number);
  // It may be too late in every respect: there is nobody to hear of it.
  if (entry !== undefined) closeInBackground(number, entry.path).catch(() => undefined);
});

let closesAtExit = false;

/** Enters a database that was opened. */
export function enter(number: number, path: string, owner: object): void {
  open.set(number, { path, owner: new WeakRef(owner) });
  forgotten.register(owner, number, owner);
  // process.exit() and an uncaught error run no cleanup hook in the main thread.
  if (closesAtExit || !isMainThread) return;
  closesAtExit = true;
  process.on("exit", closeAll);
}

/** Takes out one that is closed. */
export function leave(number: number, owner: object): void {
  open.delete(number);
  forgotten.unregister(owner);
}

/** All that are open, or closing. */
export function openDatabases<Owner extends object>(): OpenDatabase<Owner>[] {
  return [...open].map(([number, { path, owner }]) => ({
    number,
    path,
    owner: owner.deref() as Owner | undefined,
  }));
}

/**
 * Closes a database on a thread of its own. With `drain`, what is queued is let finish first, for
 * `timeoutMs` at most.
 *
 * @param drainedBeforeMs how long it had been draining before
 */
export function closeInBackground(
  number: number,
  path: string,
  { drain = false, timeoutMs = 0, drainedBeforeMs = 0 } = {},
): Promise<Closed> {
  return new Promise((resolve, reject) => {
    const job = nextJob();
    const submitted = addon.shutDownDatabase(attachment, number, job, drain, timeoutMs);
    if (submitted !== addon.Submitted.Accepted) return reject(clientClosed());
    const closing = new ClosingAnswer(path, drainedBeforeMs);
    expect(job, {
      fail: reject,
      take(kind, record) {
        if (!closing.take(kind, record)) return false;
        // The thread is done: this joins it, and lets the number go.
        addon.closeDatabase(attachment, number);
        open.delete(number);
        try {
          resolve(closing.result());
        } catch (error) {
          reject(error);
        }
        return true;
      },
    });
  });
}

function closeAll(): void {
  const closings = new Map<number, ClosingAnswer>();
  for (const [number, { path }] of open) closings.set(number, new ClosingAnswer(path));
  readRecords(addon.closeAll(attachment), (number, kind, record) => {
    closings.get(number)?.take(kind, record);
  });
}
