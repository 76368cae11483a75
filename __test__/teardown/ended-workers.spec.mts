import test from "ava";
import { assertNothingBeside, hasProc } from "../support/open-files.mjs";
import { reportOf } from "../support/processes.mjs";
import { temporaryDatabase } from "../support/database.mjs";
import { journalModes } from "../support/queries.mjs";

// In a process of its own: a crash ends that one, and says which storm it was.

interface Report {
  inFlight: number;
  longestEndMs: number;
  descriptors: string[];
  threads: string[];
  descriptorsGrown: number;
  integrity: string;
  rows: string;
}

const END_LIMIT_MS = 2000;

const storms = [
  { way: "terminate", by: "worker.terminate()", rounds: 30 },
  { way: "exit", by: "process.exit()", rounds: 10 },
  { way: "throw", by: "an uncaught error", rounds: 10 },
  { way: "end", by: "its natural end", rounds: 10 },
] as const;

for (const mode of journalModes) {
  for (const { way, by, rounds } of storms) {
    test.serial(`a worker that is ended by ${by}, ${rounds} times (${mode})`, async (t) => {
      t.timeout(60_000);
      const { file } = await temporaryDatabase(t);
      const report = await reportOf<Report>(t, "ended-workers", {
        arguments: [file, mode, way, String(rounds)],
      });
      t.is(report.inFlight, rounds);
      t.log(`the longest end took ${report.longestEndMs.toFixed(1)} ms`);
      t.true(report.longestEndMs < END_LIMIT_MS);
      if (!hasProc) {
        t.log("no /proc on this system: descriptors and threads were not looked at");
      }
      t.deepEqual(report.descriptors, []);
      t.deepEqual(report.threads, []);
      // The runtime's own may come and go; a leak would show once a round at least.
      t.true(report.descriptorsGrown < rounds - 2, `${report.descriptorsGrown} descriptors more`);
      t.is(report.integrity, "ok");
      t.is(report.rows, "kept");
      await assertNothingBeside(t, file);
    });
  }
}
