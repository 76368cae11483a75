import test from "ava";
import { temporaryDirectory } from "../support/database.mjs";
import { hasProc } from "../support/open-files.mjs";
import { reportOf } from "../support/processes.mjs";

// A short storm; `npm run test:runtimes` has long ones. In a process of its own: a crash ends that.

interface Report {
  rounds: number;
  worked: number;
  acknowledged: number;
  longestTerminateMs: number;
  longestEndMs: number;
  failures: string[];
}

const ROUNDS = 40;

for (const main of ["loaded", "not loaded"]) {
  test.serial(`workers that end at random moments (main thread: ${main})`, async (t) => {
    t.timeout(120_000);
    const directory = await temporaryDirectory(t);
    const seed = Date.now() % 1_000_000;
    t.log(`seed ${seed}`);
    if (!hasProc) t.log("no /proc on this system: descriptors and threads were not looked at");
    const report = await reportOf<Report>(t, "storm", {
      arguments: [directory, String(ROUNDS), String(seed), main],
    });
    t.deepEqual(report.failures, []);
    t.is(report.rounds, ROUNDS);
    t.true(report.worked > 0 && report.acknowledged > 0, "the storm did not come to its work");
    t.log(
      `${report.acknowledged} commits acknowledged; the longest terminate took ` +
        `${report.longestTerminateMs.toFixed(0)} ms, the longest other end ` +
        `${report.longestEndMs.toFixed(0)} ms`,
    );
  });
}
