/** Ends one worker after the other in the middle of its swaps, and reports what is left, as JSON. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { descriptorsOf, hasProc, latchdbThreads } from "../open-files.mjs";

const [directory = "", large = "", way, rounds] = process.argv.slice(2);
const targets = ["preparing", "copying", "streaming", "waiting", "lending"].map((name) =>
  join(directory, name),
);
for (const target of targets) writeFileSync(target, "old");

const report = {
  longestEndMs: 0,
  left: [] as string[],
  threads: [] as string[],
  descriptors: [] as string[],
  contents: [] as string[],
};
const contents = new Set<string>();

for (let round = 0; round < Number(rounds); round++) {
  const worker = new Worker(new URL("./swap-storm-worker.mjs", import.meta.url), {
    workerData: { targets, large, way },
    stderr: true,
  });
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  worker.once("error", () => undefined);
  const first = await new Promise((resolve) => {
    worker.once("message", resolve);
    worker.once("exit", () => resolve("ended before it began"));
  });
  if (first !== "in flight") throw new Error(String(first));
  const began = performance.now();
  if (way === "terminate") await worker.terminate();
  else worker.postMessage("end");
  await exited;
  report.longestEndMs = Math.max(report.longestEndMs, performance.now() - began);
  report.left.push(...readdirSync(directory).filter((name) => name.startsWith(".")));
  for (const target of targets) contents.add(readFileSync(target, "utf8"));
  if (hasProc) {
    report.threads.push(...latchdbThreads());
    report.descriptors.push(...descriptorsOf(join(directory, ".")));
  }
}
report.contents = [...contents];
console.log(JSON.stringify(report));
