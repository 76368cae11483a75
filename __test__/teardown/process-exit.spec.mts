import test from "ava";
import { selectValue, temporaryDatabase } from "../support/database.mjs";
import { assertNothingBeside } from "../support/open-files.mjs";
import { runProgram } from "../support/processes.mjs";
import { journalModes } from "../support/queries.mjs";

// process.exit() and an uncaught error run no cleanup hook of the addon: our "exit" listener does it.

const ends: Array<{ way: string; code: number; says: string }> = [
  { way: "exit", code: 7, says: "" },
  { way: "exit with calls in flight", code: 7, says: "" },
  { way: "exit while it shuts down", code: 7, says: "" },
  { way: "throw", code: 1, says: "thrown on purpose" },
  { way: "reject", code: 1, says: "rejected on purpose" },
  { way: "natural end", code: 0, says: "" },
];

for (const mode of journalModes) {
  for (const { way, code, says } of ends) {
    test(`a process that ends with a transaction open: ${way} (${mode})`, async (t) => {
      const database = await temporaryDatabase(t);
      const began = performance.now();
      const ended = await runProgram(t, "main-thread-end", {
        arguments: [database.file, mode, way],
      });
      t.like(ended, { code, signal: null }, ended.errors);
      t.true(ended.errors.includes(says), ended.errors);
      t.log(`${(performance.now() - began).toFixed(0)} ms`);
      await assertNothingBeside(t, database.file);
      // Without a timeout, a lock that were left would be SQLITE_BUSY at once.
      const next = database.open();
      await next.execute("insert into t values ('next')");
      t.is(await selectValue(next, "select group_concat(a) from t"), "kept,next");
    });
  }
}
