import { Worker } from "node:worker_threads";
import test from "ava";
import { temporaryDatabase } from "../support/database.mjs";
import { reportOf, runProgram } from "../support/processes.mjs";

// JavaScript is behind with reading results: its event loop is held. A lane then waits for room. Serial,
// because each program measures its memory, or computes for a while.

/** What a held result may take: 2 MiB, and what the runtime does meanwhile. */
const GROWTH_LIMIT_MIB = 40;
/** Closing, cancelling and the end of an aborted call take some ms. */
const TIME_LIMIT_MS = 3_000;
/** The answers of others come behind 2 MiB of rows; without a limit, behind some seconds' worth. */
const OTHERS_LIMIT_MS = 1_500;

/** Little memory: Node ends a process with more. Bun has no such option, and gets along without. */
const LITTLE_HEAP = process.versions["bun"] === undefined ? ["--max-old-space-size=64"] : undefined;

interface Failed {
  message: string;
  code?: unknown;
}

for (const scenario of ["held", "heldSmall"]) {
  test.serial(`a held event loop costs a bounded amount of memory (${scenario})`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const report = await reportOf<{ grown: number; grownAfter?: number; failed?: Failed }>(
      t,
      "behind",
      { arguments: [scenario, file] },
    );
    t.log(`${report.grown.toFixed(1)} MiB more`);
    t.true(report.grown < GROWTH_LIMIT_MIB, `${report.grown} MiB`);
    if (report.failed === undefined) return;
    t.is(report.failed.message, "enough");
    t.true((report.grownAfter ?? 0) < GROWTH_LIMIT_MIB, `${report.grownAfter} MiB`);
  });
}

test.serial("an aborted scan without end leaves the heap alone", async (t) => {
  const { file } = await temporaryDatabase(t);
  const report = await reportOf<{ failed: Failed; ms: number; rows: unknown[] }>(t, "behind", {
    arguments: ["aborted", file],
    ...(LITTLE_HEAP === undefined ? {} : { runtime: LITTLE_HEAP }),
  });
  t.log(`rejected after ${report.ms.toFixed(1)} ms`);
  t.is(report.failed.message, "enough");
  t.deepEqual(report.rows, [{ one: 1 }]);
  t.true(report.ms < TIME_LIMIT_MS, `${report.ms} ms`);
});

test.serial("a call knows its columns after an aborted one of the same statement", async (t) => {
  const { file } = await temporaryDatabase(t);
  const report = await reportOf<{ failures: string[]; rows: unknown[] }>(t, "behind", {
    arguments: ["abortedUnread", file],
  });
  t.deepEqual(report.failures, ["enough", "enough", "enough"]);
  t.deepEqual(report.rows, [
    { i: 1, x: 0.25, name: "the name of the row 1", note: "a note on the row 1" },
  ]);
});

for (const { what, scenario, code } of [
  { what: "close()", scenario: "closed", code: "CLIENT_CLOSED" },
  { what: "shutdown() with a drain", scenario: "shutDown", code: "CLIENT_CLOSED" },
  { what: "Transaction.close()", scenario: "transactionClosed", code: "TRANSACTION_CLOSED" },
]) {
  test.serial(`${what} ends a call that waits for room`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const report = await reportOf<{ failed: Failed; ms: number }>(t, "behind", {
      arguments: [scenario, file],
    });
    t.is(report.failed.code, code);
    t.true(report.ms < TIME_LIMIT_MS, `${report.ms} ms`);
  });
}

test.serial("a result that nobody reads holds up no other client and no transaction", async (t) => {
  const { file } = await temporaryDatabase(t);
  const report = await reportOf<{ rows: unknown; failed: Failed; ms: number }>(t, "behind", {
    arguments: ["others", file],
  });
  t.log(`${report.ms.toFixed(1)} ms`);
  t.deepEqual(report.rows, [[{ n: 2 }], [{ n: 3 }]]);
  t.is(report.failed.message, "enough");
  t.true(report.ms < OTHERS_LIMIT_MS, `${report.ms} ms`);
});

test.serial("shutdownAll() ends a call that waits for room", async (t) => {
  const { file } = await temporaryDatabase(t);
  const report = await reportOf<{ failed: Failed }>(t, "behind", {
    arguments: ["shutdownAll", file],
  });
  t.is(report.failed.code, "CLIENT_CLOSED");
});

test.serial("a process ends while a lane waits for room", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { code, signal } = await runProgram(t, "behind", { arguments: ["exit", file] });
  t.deepEqual({ code, signal }, { code: 3, signal: null });
});

test.serial("a worker is terminated while its lanes wait for room", async (t) => {
  const database = await temporaryDatabase(t);
  const worker = new Worker(new URL("../support/programs/behind-worker.mjs", import.meta.url), {
    workerData: { url: database.url },
  });
  await new Promise((resolve) => worker.once("message", resolve));
  const began = performance.now();
  await worker.terminate();
  const ms = performance.now() - began;
  t.true(ms < TIME_LIMIT_MS, `${ms} ms`);
  // Its transaction is rolled back: the write lock is free, and the table is not there.
  const client = database.open();
  await client.execute("create table t (b)");
});
