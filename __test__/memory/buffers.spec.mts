import test from "ava";
import { reportOf } from "../support/processes.mjs";

/** Buffers that are kept for the next call have far less. */
const LIMIT_MIB = 4;

test("nothing keeps the buffers of large requests and results", async (t) => {
  const left = await reportOf<Record<string, number>>(t, "large-buffers", {
    runtime: ["--expose-gc"],
  });
  for (const [what, mib] of Object.entries(left)) {
    if (process.versions["bun"] !== undefined && /value|row/.test(what)) {
      // Bun takes what looks like a reference on the stack for one: the caller's result may be left.
      t.log(`${mib.toFixed(1)} MiB ${what}`);
      continue;
    }
    t.true(mib < LIMIT_MIB, `${mib.toFixed(1)} MiB ${what}`);
  }
  t.is(Object.keys(left).length, 7);
});
