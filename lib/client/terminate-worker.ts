/** Shuts a worker's clients down and terminates the worker, from its host. */
import { performance } from "node:perf_hooks";
import type { ShutdownOptions, TerminableWorker, TerminationReport } from "../../index.js";
import { parseShutdownOptions } from "./options";
import { askPeers, combine } from "./shutdown-all";
import { clearTimeout, setTimeout } from "./timers";

/** The worker's share of the limit for draining. The rest is for its acknowledgement to arrive. */
const DRAINING_SHARE = 0.9;

const ending = new WeakMap<TerminableWorker, Promise<TerminationReport>>();

/** Asks the worker to shut its clients down, waits for that, and terminates it. */
export function terminateWorker(
  worker: TerminableWorker,
  options?: ShutdownOptions,
): Promise<TerminationReport> {
  const known = ending.get(worker);
  if (known !== undefined) return known;
  const report = terminate(worker, options);
  // A call with wrong arguments must not decide the result of later calls.
  report.catch(() => ending.delete(worker));
  if (isWorker(worker)) ending.set(worker, report);
  return report;
}

async function terminate(
  worker: TerminableWorker,
  options: ShutdownOptions | undefined,
): Promise<TerminationReport> {
  if (!isWorker(worker)) throw new TypeError("terminateWorker takes a Worker");
  const { drain, timeoutMs } = parseShutdownOptions(options);
  const began = performance.now();
  const exited = new Promise<number>((resolve) => worker.once("exit", resolve));
  const reports = await within(timeoutMs, [
    // The number of a thread that has ended is -1.
    worker.threadId > 0
      ? askPeers(worker.threadId, { drain, timeoutMs: timeoutMs * DRAINING_SHARE })
      : [],
    exited.then(() => undefined),
  ]);
  const askedMs = performance.now() - began;
  const exitCode = await worker.terminate();
  const combined = combine(reports ?? [], began);
  return {
    acknowledged: reports !== undefined && reports.every((report) => report !== undefined),
    exitCode,
    ...combined,
    steps: [
      { step: "ask", ms: askedMs },
      { step: "terminate", ms: combined.ms - askedMs },
    ],
  };
}

function isWorker(worker: TerminableWorker | undefined): boolean {
  return typeof worker?.terminate === "function";
}

/** The first promise to resolve, or undefined if none resolves within the limit. */
async function within<T>(limitMs: number, promises: (T | Promise<T>)[]): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, limitMs, undefined);
  });
  try {
    return await Promise.race([...promises, limit]);
  } finally {
    clearTimeout(timer);
  }
}
