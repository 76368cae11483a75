import test from "ava";
import { selectValue, temporaryDatabase } from "../support/database.mjs";
import { assertNothingBeside } from "../support/open-files.mjs";
import { runProgram } from "../support/processes.mjs";
import { prepare } from "../support/queries.mjs";

// Node calls the `exit` listeners that were there when the first one was called. One that we add as a
// client is opened in such a listener is not called any more: the addon closes that client.

const ends = [
  { way: "exit", code: 7 },
  { way: "throw", code: 1 },
  { way: "natural end", code: 0 },
];

for (const { way, code } of ends) {
  for (const listener of ["before ours", "after ours", "alone"]) {
    test(`a client of an exit listener, ${listener}, is closed: ${way}`, async (t) => {
      if (process.platform === "win32" && code !== 0 && listener !== "before ours") {
        t.log("Skipped: Windows ends the threads before it tells a library of the process's end");
        return t.pass();
      }
      const database = await temporaryDatabase(t);
      const first = database.open();
      await prepare(first, "wal");
      first.close();
      const args = [database.file, way, listener];
      const ended = await runProgram(t, "exit-listeners", { arguments: args });
      t.like(ended, { code, signal: null }, ended.errors);
      await assertNothingBeside(t, database.file);
      const next = database.open();
      await next.execute("insert into t values (1)");
      t.is(await selectValue(next, "select count(*) from t"), 1);
    });
  }
}
