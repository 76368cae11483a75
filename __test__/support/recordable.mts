/** Whether the system calls of programs are recorded here, and how many of their states a test looks at. */
import type { ExecutionContext } from "ava";
import { whyNotTraceable } from "./strace.mjs";

const whyNotRecorded: string | undefined =
  whyNotTraceable !== undefined
    ? `no system calls can be recorded here (${whyNotTraceable})`
    : process.versions.bun !== undefined
      ? "the system calls of the addon are the same on Node, where this runs"
      : undefined;

/** Whether they are recorded. Where they are not, the test says why, and passes. */
export function isRecordable(t: ExecutionContext): boolean {
  if (whyNotRecorded === undefined) return true;
  t.log(`Skipped: ${whyNotRecorded}`);
  t.pass();
  return false;
}

/** `npm run test:crashes`: all states, and a kill before each call. */
export const isThorough = process.env["LATCHDB_CRASHES"] === "all";

/** A -shm is written through a mapping, and means nothing after a crash. */
export const isDisregarded = (path: string): boolean => path.endsWith("-shm");
