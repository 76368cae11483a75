/** How the environments of this process, in whatever thread, ask each other to shut down. */
import type { ShutdownAllReport } from "../../index.js";
import { addon } from "../addon/addon";
import { SHUTDOWN_ACKNOWLEDGED, SHUTDOWN_REQUEST, type RecordReader } from "../wire/response";
import { attach, expect, nextJob, REQUESTS } from "./delivery";
import { detachSoon } from "./open-databases";

/** What one environment asks of another. */
export interface ShutdownRequest {
  /** The number under which it is acknowledged. */
  request: number;
  drain: boolean;
  timeoutMs: number;
}

/**
 * Asks all environments of a thread, this one apart, to shut their clients down.
 *
 * @returns their reports: undefined for one that ended before it gave any
 */
export function askThread(
  thread: number,
  { drain, timeoutMs }: { drain: boolean; timeoutMs: number },
): Promise<(ShutdownAllReport | undefined)[]> {
  return new Promise((resolve) => {
    const job = nextJob();
    const asked = addon.askToShutDown(attach(), thread, job, drain, timeoutMs);
    detachSoon();
    if (asked === 0) return resolve([]);
    const reports: (ShutdownAllReport | undefined)[] = [];
    expect(job, {
      fail: () => undefined,
      take(kind, record) {
        reports.push(kind === SHUTDOWN_ACKNOWLEDGED ? readReport(record) : undefined);
        if (reports.length < asked) return false;
        resolve(reports);
        return true;
      },
    });
  });
}

/** A report; undefined where there is none, or none that can be read. */
function readReport(record: RecordReader): ShutdownAllReport | undefined {
  try {
    const report = record.acknowledgement();
    return report === undefined ? undefined : (JSON.parse(report) as ShutdownAllReport);
  } catch {
    return undefined;
  }
}

/** Has `serve` called for each request of another environment. */
export function onRequest(serve: (request: ShutdownRequest) => void): void {
  expect(REQUESTS, {
    fail: () => undefined,
    take(kind, record) {
      if (kind === SHUTDOWN_REQUEST) serve(record.shutdownRequest());
      return false;
    },
  });
}

/** Answers a request. */
export function acknowledge(request: number, report: ShutdownAllReport): void {
  addon.acknowledgeShutdown(attach(), request, JSON.stringify(report));
}
