import { readdir } from "node:fs/promises";
import test from "ava";
import { temporaryDirectory } from "../support/database.mjs";
import { reportOf, runProgram } from "../support/processes.mjs";

// A copy of latchdb that has nothing open lets go of the addon, and takes it up again.

for (const what of ["collected", "closed again"]) {
  test(`a client that was shut down before is ${what}: the next one stays open`, async (t) => {
    const directory = await temporaryDirectory(t);
    const ended = await runProgram(t, "opens-again", {
      arguments: [directory, what],
      runtime: ["--expose-gc"],
    });
    t.like(ended, { code: 0, errors: "" });
    // It was closed at the exit: no -wal is left.
    t.deepEqual((await readdir(directory)).sort(), ["first.db", "second.db"]);
  });
}

test("shutdownAll finds the client that was opened next", async (t) => {
  const directory = await temporaryDirectory(t);
  const options = { arguments: [directory, "shutdownAll"], runtime: ["--expose-gc"] };
  t.is(await reportOf<number>(t, "opens-again", options), 1);
});

test("shutdownAll shares the closing of clients that were collected", async (t) => {
  const directory = await temporaryDirectory(t);
  const options = { arguments: [directory], runtime: ["--expose-gc"] };
  t.is(await reportOf<number>(t, "forgotten-shutdown", options), 0);
});

test("a second shutdown() does not keep the process alive", async (t) => {
  const directory = await temporaryDirectory(t);
  const ended = await reportOf<number>(t, "second-shutdown", { arguments: [directory] });
  t.true(ended < 10_000, `${ended} ms`);
});
