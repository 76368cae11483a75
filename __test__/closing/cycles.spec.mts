import test from "ava";
import { hasProc } from "../support/open-files.mjs";
import { temporaryDatabase } from "../support/database.mjs";
import { reportOf } from "../support/processes.mjs";
import { journalModes } from "../support/queries.mjs";

interface Report {
  descriptors: number | null;
  threads: number | null;
  megabytes: number;
  ms: number;
}

const GROWTH_LIMIT_MB = 30;

for (const mode of journalModes) {
  test.serial(`opening and closing 1,000 times leaves nothing behind (${mode})`, async (t) => {
    t.timeout(60_000);
    const database = await temporaryDatabase(t);
    const report = await reportOf<Report>(t, "cycles", {
      arguments: [database.file, mode],
      runtime: ["--expose-gc"],
    });
    t.log(`${report.megabytes.toFixed(1)} MB more after 1,000 cycles, ${report.ms} ms`);
    if (hasProc) {
      t.is(report.descriptors, 0, "descriptors have grown");
      t.is(report.threads, 0, "threads have grown");
    } else {
      t.log("no /proc on this system: descriptors and threads were not looked at");
    }
    t.true(report.megabytes < GROWTH_LIMIT_MB, `${report.megabytes} MB`);
  });
}
