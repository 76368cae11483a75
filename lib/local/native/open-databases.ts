/** The local databases that are open or suspended in the addon, for this copy of latchdb. */
import { addon } from "../../addon/addon";
import { readRecords } from "../wire/response";
import { forgetRowMakers } from "../../client/rows/rows";
import { ClosingAnswer } from "./closing-answer";
import { attach, hold, release } from "./delivery";

interface Entry {
  /** The addon's number of the database. */
  readonly number: number;
  readonly path: string;
}

/** Numbers start anew with each attachment: a database is identified by its object. */
const open = new Set<Entry>();

/** Adds a database that was opened. */
export function enter(database: Entry): void {
  open.add(database);
  hold();
}

/** Removes a database that was closed, if it was entered. */
export function leave(database: Entry): void {
  if (open.delete(database)) release();
}

/** Frees what open databases share, unless there is one. */
export function releaseShared(): void {
  if (open.size === 0) forgetRowMakers();
}

/** Closes all databases synchronously, at the end of the main thread. */
export function closeAll(): void {
  const closings = new Map<number, ClosingAnswer>();
  for (const { number, path } of open) closings.set(number, new ClosingAnswer(path, "now"));
  readRecords(addon.closeAll(attach()), (number, kind, record) => {
    closings.get(number)?.take(kind, record);
  });
}
