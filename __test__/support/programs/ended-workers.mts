/** Ends one worker after the other in the middle of its work, and reports what is left, as JSON. */
import { Worker } from "node:worker_threads";
import { createClient } from "latchdb";
import { countDescriptors, descriptorsOf, hasProc, latchdbThreads } from "../open-files.mjs";

const [file = "", mode, way, rounds] = process.argv.slice(2);

const before = createClient({ url: `file:${file}` });
await before.execute(`pragma journal_mode = ${mode}`);
await before.batch(["create table t (a)", "insert into t values ('kept')"]);
before.close();

const report = {
  inFlight: 0,
  longestEndMs: 0,
  descriptors: [] as string[],
  threads: [] as string[],
  descriptorsGrown: 0,
  integrity: "",
  rows: "",
};
let descriptorsAfterTwo = 0;

for (let round = 0; round < Number(rounds); round++) {
  const worker = new Worker(new URL("./ended-worker.mjs", import.meta.url), {
    workerData: { file, way },
    stderr: true,
  });
  // Not `once()` of node:events: it would reject with the worker's own error.
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  const failed = new Promise<unknown>((resolve) => worker.once("error", resolve));
  const said = new Promise<unknown>((resolve) => worker.once("message", resolve));
  const first = await Promise.race([said, failed]);
  // The error may come in before the message that was sent before it.
  const isOnPurpose = way === "throw" && String(first).includes("thrown on purpose");
  if (first !== "in flight" && !isOnPurpose) throw first;
  report.inFlight++;
  const began = performance.now();
  if (way === "terminate") await worker.terminate();
  if (way === "throw") await failed;
  await exited;
  report.longestEndMs = Math.max(report.longestEndMs, performance.now() - began);
  if (hasProc) {
    report.descriptors.push(...descriptorsOf(file));
    report.threads.push(...latchdbThreads());
    if (round === 1) descriptorsAfterTwo = countDescriptors();
    if (round > 1) report.descriptorsGrown = countDescriptors() - descriptorsAfterTwo;
  }
}

const after = createClient({ url: `file:${file}` });
report.integrity = String((await after.execute("pragma integrity_check")).rows[0]?.[0]);
report.rows = String((await after.execute("select group_concat(a) from t")).rows[0]?.[0]);
after.close();
console.log(JSON.stringify(report));
