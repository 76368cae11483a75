/** When something comes in between: an abort, or the end of the client. */
import { statSync } from "node:fs";
import { spin } from "../support/moments.mjs";

/** How long to look for a sign that SQLite writes. */
const MOST_LOOKING_MS = 4;

/** Has something happen at some moment of a call that was just made, or makes the call wait for it. */
export interface Moment {
  readonly name: string;
  /** Before the call is made. */
  readonly isBefore: boolean;
  come(act: () => void): void;
}

/** What a moment is chosen by. */
export interface Circumstances {
  random: () => number;
  /** How long such a call takes, as a rule, in microseconds. */
  usual: number;
  /** The database. */
  file: string;
}

export function someMoment({ random, usual, file }: Circumstances): Moment {
  const kind = random();
  const share = random();
  if (kind < 0.03) return { name: "before it", isBefore: true, come: (act) => act() };
  if (kind < 0.07) return inTurn("in the same turn", (act) => act());
  if (kind < 0.12) return inTurn("by setImmediate", (act) => void setImmediate(act));
  if (kind < 0.16) return inTurn("by setTimeout", (act) => void setTimeout(act, share * 3));
  if (kind < 0.3) {
    return inTurn("once a file has changed", (act) => {
      untilChanged(file, random() < 0.5 ? "size" : "journal");
      if (share > 0.4) spin((share - 0.4) * usual);
      act();
    });
  }
  // The beginning of a call is short beside its commit.
  const microseconds = kind < 0.6 ? share * Math.min(usual, 200) : share * usual * 1.2;
  return inTurn(`after ${microseconds.toFixed(0)} µs`, (act) => {
    spin(microseconds);
    act();
  });
}

function inTurn(name: string, come: (act: () => void) => void): Moment {
  return { name, isBefore: false, come };
}

/** Waits until the database grows or its rollback journal or WAL does something, for a while at most. */
function untilChanged(file: string, sign: "size" | "journal"): void {
  const names = sign === "size" ? [file, `${file}-wal`] : [`${file}-journal`];
  const sizes = (): string => names.map(sizeOf).join();
  const before = sizes();
  const end = performance.now() + MOST_LOOKING_MS;
  while (sizes() === before && performance.now() < end);
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? -1;
}
