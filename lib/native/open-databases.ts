/**
 * Which databases this copy of latchdb has open in its environment: to close them at the end of the
 * process, and those whose client was forgotten.
 */
import { setTimeout } from "node:timers";
import { isMainThread } from "node:worker_threads";
import { Submitted } from "../../binding.js";
import { addon } from "../addon/addon";
import { readRecords } from "../wire/response";
import { ClosingAnswer, type Closed } from "./closing";
import { attach, detach, expect, nextJob } from "./delivery";
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

/** For how long this copy of latchdb stays attached to the addon when nothing is open, in ms. */
const STAY_ATTACHED_MS = 1000;

const open = new Map<number, Entry>();
let detaching: NodeJS.Timeout | undefined;

/**
 * Clients that were forgotten without being closed are closed once they are collected. Nothing
 * counts on it: the order of things is `close()`.
 */
const forgotten = new FinalizationRegistry<number>((number) => {
  const entry = open.get(number);
  // It may be too late in every respect: there is nobody to hear of it.
  if (entry !== undefined) closeInBackground(number, entry.path).catch(() => undefined);
});

/** Enters a database that was opened. */
export function enter(number: number, path: string, owner: object): void {
  // process.exit() and an uncaught error run no cleanup hook in the main thread.
  if (open.size === 0 && isMainThread) process.on("exit", closeAll);
  open.set(number, { path, owner: new WeakRef(owner) });
  forgotten.register(owner, number, owner);
}

/** Takes out one that is closed. */
export function leave(number: number, owner: object): void {
  forgotten.unregister(owner);
  remove(number);
}

/** Lets go of the addon soon, where nothing is open then: this copy of latchdb can be collected. */
export function detachSoon(): void {
  detaching ??= setTimeout(() => {
    detaching = undefined;
    // Answers may be on their way.
    if (open.size === 0 && !detach()) detachSoon();
  }, STAY_ATTACHED_MS).unref();
}

function remove(number: number): void {
  if (!open.delete(number) || open.size > 0) return;
  if (isMainThread) process.off("exit", closeAll);
  detachSoon();
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
    const submitted = addon.shutDownDatabase(attach(), number, job, drain, timeoutMs);
    if (submitted !== Submitted.Accepted) return reject(clientClosed());
    const closing = new ClosingAnswer(path, drainedBeforeMs);
    expect(job, {
      fail: reject,
      take(kind, record) {
        if (!closing.take(kind, record)) return false;
        // The thread is done: this joins it, and lets the number go.
        addon.closeDatabase(attach(), number);
        remove(number);
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
  readRecords(addon.closeAll(attach()), (number, kind, record) => {
    closings.get(number)?.take(kind, record);
  });
}
