/** Carries shutdown requests between the copies of latchdb in this process, on all threads. */
import type { ShutdownAllReport } from "../../../index.js";
import { addon } from "../../addon/addon";
import { connectPeers, type Peers } from "../../client/shutdown-all";
import { RecordKind } from "../wire/kinds";
import type { RecordReader } from "../wire/response";
import { attach, detachSoon, expect, nextJob, REQUESTS } from "./delivery";
import { unknownRecord } from "./errors";

const peers: Peers = {
  ask(thread, { drain, timeoutMs }) {
    return new Promise((resolve, reject) => {
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
