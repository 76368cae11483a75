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
import { DEFAULT_DRAIN_MS, type Scheduler } from "../pool/scheduler";

/** Closes every client of the environment, those of other copies of latchdb in it too. */
export async function shutdownAll(options: ShutdownOptions = {}): Promise<ShutdownAllReport> {
  const began = performance.now();
  const { drain = false, timeoutMs = DEFAULT_DRAIN_MS } = options;
  const own = shutDownOwn({ drain, timeoutMs });
  const others = askThread(threadId, { drain, timeoutMs });
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
  const closings = openDatabases<Scheduler>().map(async (database) => {
    try {
      return await shutDown(database, options);
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      failures.push({ path: database.path, code, message });
      return undefined;
    }
  });
  const reports = await Promise.all(closings);
  const clients = reports.filter((report) => report !== undefined);
  return { clients, failures, ms: performance.now() - began };
}

async function shutDown(
  { owner, number, path }: OpenDatabase<Scheduler>,
  options: ShutdownOptions,
): Promise<ShutdownReport> {
  if (owner !== undefined) return owner.shutDown(options);
  // Its client was forgotten, and collected already: there is nothing to drain.
  const began = performance.now();
  const closed = await closeInBackground(number, path);
  return { path, drained: 0, ...closed, ms: performance.now() - began };
}

onRequest(({ request, ...options }) => {
  void shutDownOwn(options).then((report) => acknowledge(request, report));
});
