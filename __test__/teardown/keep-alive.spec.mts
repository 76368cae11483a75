import test from "ava";
import { selectValue, temporaryDatabase } from "../support/database.mjs";
import { lockElsewhere, runProgram, startProgram } from "../support/processes.mjs";

// A process that were kept alive would not end before the test times out.

for (const way of ["untouched", "idle", "idle transaction"]) {
  test(`an open client does not keep the process alive: ${way}`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const ended = await runProgram(t, "keep-alive", { arguments: [file, way] });
    t.like(ended, { code: 0, signal: null }, ended.errors);
  });
}

const pending = ["pending query", "pending in memory", "long batch", "shutting down", "aborted"];
for (const way of pending) {
  test(`a call without its answer keeps the process alive until it has it: ${way}`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const ended = await runProgram(t, "keep-alive", { arguments: [file, way] });
    t.like(ended, { code: 0, signal: null }, ended.errors);
    t.deepEqual(ended.lines, ["answered"]);
  });
}

test("a call that waits for a lock keeps the process alive", async (t) => {
  const database = await temporaryDatabase(t);
  const lock = await lockElsewhere(t, database.file, "write");
  const program = startProgram(t, "keep-alive", {
    arguments: [database.file, "waiting for a lock"],
  });
  await program.waitFor("waiting");
  await lock.release();
  const { code, lines } = await program.ended;
  t.is(code, 0);
  t.deepEqual(lines, ["waiting", "answered"]);
  t.is(await selectValue(database.open(), "select count(*) from waited"), 0);
});
