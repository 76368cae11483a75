/** Ends a worker in good order, from its host. */
import { performance } from "node:perf_hooks";
import { clearTimeout, setTimeout } from "node:timers";
import type { ShutdownOptions, TerminableWorker, TerminationReport } from "../../index.js";
import { askThread } from "../native/environment";
import { DEFAULT_DRAIN_MS } from "../pool/scheduler";
import { combine } from "./shutdown-all";

/** How much of the limit the worker has for draining: its acknowledgement shall be in time. */
const DRAINING_SHARE = 0.9;

const ending = new WeakMap<TerminableWorker, Promise<TerminationReport>>();

/** Asks the worker to shut its clients down, waits for that, and terminates it. */
export function terminateWorker(
  worker: TerminableWorker,
  options: ShutdownOptions = {},
): Promise<TerminationReport> {
  const report = ending.get(worker) ?? terminate(worker, options);
  ending.set(worker, report);
  return report;
}

async function terminate(
  worker: TerminableWorker,
  { drain = false, timeoutMs = DEFAULT_DRAIN_MS }: ShutdownOptions,
): Promise<TerminationReport> {
  const began = performance.now();
  const exited = new Promise<number>((resolve) => worker.once("exit", resolve));
  const reports = await within(timeoutMs, [
    // A thread that has ended has no number any more (Node-API: -1).
    worker.threadId > 0
      ? askThread(worker.threadId, { drain, timeoutMs: timeoutMs * DRAINING_SHARE })
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

/** The first of several, or undefined where none came within the limit. */
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
