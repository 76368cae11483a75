import test from "ava";
import { temporaryDirectory } from "../support/database.mjs";
import { reportOf } from "../support/processes.mjs";

test("closed clients are no open handles, as `jest --detectOpenHandles` looks for them", async (t) => {
  if (process.versions.bun !== undefined) {
    t.log("Skipped: Bun has no hooks of async resources");
    return t.pass();
  }
  const report = await reportOf<Record<string, string[]>>(t, "open-handles", {
    arguments: [await temporaryDirectory(t)],
    runtime: ["--expose-gc"],
  });
  const { "a client that is still open": control, ...closed } = report;
  t.like(control, ["napi_rs_threadsafe_function"], "the control finds the client that is open");
  for (const [use, handles] of Object.entries(closed)) t.deepEqual(handles, [], use);
});
