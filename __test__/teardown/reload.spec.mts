import test from "ava";
import { hasProc } from "../support/open-files.mjs";
import { temporaryDatabase } from "../support/database.mjs";
import { reportOf } from "../support/processes.mjs";

// A host that reloads its workers, or loads the package again and again, must not grow.

interface Report {
  descriptors: string[];
  threads: string[];
  megabytes: number;
  rows: number;
}

/**
 * A copy of the package that is kept costs 0.7 MB, a worker more. Runtimes never unload an addon that
 * was loaded once more, for a new context: nothing is said of memory there.
 */
const cycles = [
  { of: "worker", count: 88, mostMegabytes: 30, what: "a worker: work, shutdownAll, terminate" },
  { of: "cache", count: 200, mostMegabytes: 60, what: "the package out of an emptied cache" },
  { of: "context", count: 44, what: "the package in a new vm context, with an addon of its own" },
];

for (const { of, count, what, mostMegabytes = Infinity } of cycles) {
  test.serial(`${count} times ${what}`, async (t) => {
    t.timeout(120_000);
    const { file } = await temporaryDatabase(t);
    const report = await reportOf<Report>(t, "reload", {
      arguments: [file, of, String(count)],
      runtime: ["--expose-gc"],
    });
    t.log(`${report.megabytes.toFixed(1)} MB more`);
    if (!hasProc) t.log("no /proc on this system: descriptors and threads were not looked at");
    t.deepEqual(report.descriptors, []);
    t.deepEqual(report.threads, []);
    t.true(report.megabytes < mostMegabytes, `${report.megabytes} MB`);
    t.true(report.rows > count, "every cycle writes a row");
  });
}
