/** What a database has open in this process, as the system tells it. */
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ExecutionContext } from "ava";

/** Whether this system shows a process its own descriptors and threads as files. */
export const hasProc = existsSync("/proc/self/fd") && existsSync("/proc/self/task");

/** The descriptors of a database and the files beside it, by what they link to. */
export function descriptorsOf(file: string): string[] {
  const path = join(realpathSync(dirname(file)), basename(file));
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    const link = linkOf(`/proc/self/fd/${descriptor}`);
    return link.startsWith(path) ? [link] : [];
  });
}

/** How many descriptors this process has. */
export function countDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/**
 * The threads of this process that are latchdb's. Linux takes the entry of a thread away a moment
 * after those who joined it go on: one that is there at first is looked for again, without leaving
 * the event loop a turn in which anything else could end it.
 */
export function latchdbThreads(): string[] {
  const limit = performance.now() + 200;
  let threads = readThreads();
  while (threads.length > 0 && performance.now() < limit) threads = readThreads();
  return threads;
}

/** Asserts that this process has nothing of the database, right now and without a collection. */
export function assertNothingOpen(t: ExecutionContext, file: string): void {
  if (!hasProc) {
    t.log("no /proc on this system: descriptors and threads were not looked at");
    return;
  }
  t.deepEqual(descriptorsOf(file), [], "descriptors are left");
  t.deepEqual(latchdbThreads(), [], "threads are left");
}

/** Asserts that nothing is left beside the database file: no -wal, -shm or -journal. */
export async function assertNothingBeside(t: ExecutionContext, file: string): Promise<void> {
  t.deepEqual(await readdir(dirname(file)), [basename(file)]);
}

function readThreads(): string[] {
  return readdirSync("/proc/self/task").flatMap((thread) => {
    const name = nameOf(`/proc/self/task/${thread}/comm`);
    return name.startsWith("latchdb") ? [name] : [];
  });
}

// Descriptors and threads of others come and go while they are listed.

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function nameOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
