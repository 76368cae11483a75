/** Shuts down whatever this environment has open, for itself or because a host asks. */
import { performance } from "node:perf_hooks";
import { threadId } from "node:worker_threads";
import type {
  FailedClosing,
  ShutdownAllReport,
  ShutdownOptions,
  ShutdownReport,
} from "../../index.js";
import { acknowledge, askThread, onRequest } from "../native/environment";
import { closeInBackground, openDatabases, type OpenDatabase } from "../native/open-databases";
import { pendingReopenings } from "../pool/reopening";
import type { Scheduler } from "../pool/scheduler";
import { givenShutdownOptions } from "../shutdown-options";

/** Closes every client of the environment, those of other copies of latchdb in it too. */
export async function shutdownAll(options?: ShutdownOptions): Promise<ShutdownAllReport> {
  const began = performance.now();
  const given = givenShutdownOptions(options);
  const own = shutDownOwn(given);
  const others = askThread(threadId, given);
  return combine([await own, ...(await others)], began);
}

/** Puts the reports of several copies of latchdb together. */
export function combine(
  reports: readonly (ShutdownAllReport | undefined)[],
  began: number,
): ShutdownAllReport {
  const given = reports.filter((report) => report !== undefined);
  return {
    clients: given.flatMap(({ clients }) => clients),
    failures: given.flatMap(({ failures }) => failures),
    ms: performance.now() - began,
  };
}

async function shutDownOwn(options: Required<ShutdownOptions>): Promise<ShutdownAllReport> {
  const began = performance.now();
  const failures: FailedClosing[] = [];
  const reopenings = pendingReopenings();
  const ofThem = new Set<object | undefined>(reopenings.map(({ former }) => former));
  const others = openDatabases<Scheduler>().filter(({ owner }) => !ofThem.has(owner.deref()));
  const reported = async (
    path: string,
    closing: Promise<ShutdownReport>,
  ): Promise<ShutdownReport | undefined> => {
    try {
      return await closing;
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      failures.push({ path, code, message });
      return undefined;
    }
  };
  const reports = await Promise.all([
    ...others.map((database) => reported(database.path, shutDown(database, options))),
    ...reopenings.map((one) => reported(one.path, one.shutDownFromOutside(options))),
  ]);
  const clients = reports.filter((report) => report !== undefined);
  return { clients, failures, ms: performance.now() - began };
}

async function shutDown(
  database: OpenDatabase<Scheduler>,
  options: Required<ShutdownOptions>,
): Promise<ShutdownReport> {
  const owner = database.owner.deref();
  if (owner !== undefined) return owner.shutDownFromOutside(options);
  // Its client was forgotten, and collected already: there is nothing to drain.
  const began = performance.now();
  const closed = await closeInBackground(database);
  return { path: database.path, drained: 0, ...closed, ms: performance.now() - began };
}

onRequest(({ request, ...options }) => {
  void shutDownOwn(options).then((report) => acknowledge(request, report));
});
