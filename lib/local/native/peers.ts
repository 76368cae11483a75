/** Carries shutdown requests between the copies of latchdb in this process, on all threads. */
import type { ShutdownAllReport } from "../../../index.js";
import { addon } from "../../addon/addon";
import { AddonNotLoadedError } from "../../addon/load";
import { connectPeers, type Peers } from "../../client/shutdown-all";
import { RecordKind } from "../wire/kinds";
import type { RecordReader } from "../wire/response";
import { attach, detachSoon, expect, hold, nextJob, REQUESTS } from "./delivery";
import { unknownRecord } from "./errors";

const peers: Peers = {
  async ask(thread, { drain, timeoutMs }) {
    if (!isLoadable()) return [];
    return await new Promise((resolve, reject) => {
      const job = nextJob();
      const asked = addon.askToShutDown(attach(), thread, job, drain, timeoutMs);
      if (asked === 0) {
        detachSoon();
        return resolve([]);
      }
      const reports: (ShutdownAllReport | undefined)[] = [];
      expect(job, {
        fail: reject,
        take(kind, record) {
          if (kind !== RecordKind.ShutdownAcknowledged) throw unknownRecord(kind);
          reports.push(readReport(record));
          if (reports.length < asked) return false;
          resolve(reports);
          return true;
        },
      });
    });
  },

  serve(answer) {
    expect(REQUESTS, {
      // No caller waits for a request: an unreadable one is an uncaught error.
      fail: (error) =>
        queueMicrotask(() => {
          throw error;
        }),
      take(kind, record) {
        if (kind !== RecordKind.ShutdownRequest) throw unknownRecord(kind);
        const { request, ...options } = record.shutdownRequest();
        void answer(options).then((report) => {
          addon.acknowledgeShutdown(attach(), request, JSON.stringify(report));
          detachSoon();
        });
        return false;
      },
    });
  },
};

let isReachable = false;

/**
 * From now on, other threads reach this copy of latchdb, whether or not it has a local database open.
 * Without a binary for this platform they do not.
 */
export function beReachable(): void {
  if (isReachable || !isLoadable()) return;
  isReachable = true;
  attach();
  hold();
}

/** Whether there is a binary. Without one there are no peers either: they are found by the binary. */
function isLoadable(): boolean {
  try {
    return addon !== undefined;
  } catch (error) {
    if (error instanceof AddonNotLoadedError) return false;
    throw error;
  }
}

/** A peer's report; undefined if there is none, or if it cannot be read. */
function readReport(record: RecordReader): ShutdownAllReport | undefined {
  try {
    const report = record.acknowledgement();
    return report === undefined ? undefined : (JSON.parse(report) as ShutdownAllReport);
  } catch {
    return undefined;
  }
}

connectPeers(peers);
