/** The local databases that are open or suspended in the addon, for this copy of latchdb. */
import { addon } from "../../addon/addon";
import { setTimeout } from "../../client/timers";
import { readRecords } from "../wire/response";
import { forgetRowMakers } from "../wire/rows";
import { ClosingAnswer } from "./closing-answer";
import { attach, detach } from "./delivery";

interface Entry {
  /** The addon's number of the database. */
  readonly number: number;
  readonly path: string;
}

/** For how long this copy of latchdb stays attached to the addon with no database open, in ms. */
const STAY_ATTACHED_MS = 1000;

/** Numbers start anew with each attachment: a database is identified by its object. */
const open = new Set<Entry>();
let detaching: NodeJS.Timeout | undefined;

/** Adds a database that was opened. */
export function enter(database: Entry): void {
  open.add(database);
}

/** Removes a database that was closed, if it was entered. */
export function leave(database: Entry): void {
  if (open.delete(database) && open.size === 0) detachSoon();
}

/** Frees what open databases share, unless there is one. */
export function releaseShared(): void {
  if (open.size === 0) forgetRowMakers();
}

/**
 * Detaches from the addon in a while, unless a database is open then. An attached copy of latchdb
 * cannot be garbage collected.
 */
export function detachSoon(): void {
  detaching ??= setTimeout(() => {
    detaching = undefined;
    // The addon refuses while answers are on their way.
    if (open.size === 0 && !detach()) detachSoon();
  }, STAY_ATTACHED_MS).unref();
}

/** Closes all databases synchronously, at the end of the main thread. */
export function closeAll(): void {
  const closings = new Map<number, ClosingAnswer>();
  for (const { number, path } of open) closings.set(number, new ClosingAnswer(path));
  readRecords(addon.closeAll(attach()), (number, kind, record) => {
    closings.get(number)?.take(kind, record);
  });
}
