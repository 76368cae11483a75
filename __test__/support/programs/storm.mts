/**
 * A storm: starts worker after worker, each with clients on files and in memory, queries,
 * transactions, a long query and a blocked write in flight, and ends each at a random moment.
 *
 * Keeps a ledger of the commits that workers said were acknowledged. Prints a report as JSON, with
 * everything that is wrong in `failures`.
 *
 * Arguments: a directory, how many rounds, a seed, and "loaded" where the package is to be loaded
 * and busy in the main thread too.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { LocalClient } from "latchdb";
import { descriptorsOf, hasProc, latchdbThreads } from "../open-files.mjs";
import { startHelper } from "../helper-process.mjs";
import { endlessQuery } from "../queries.mjs";
import { randomNumbers } from "../random.mjs";
import type { StormOrder, StormSaying } from "./storm-worker.mjs";

const ways = ["terminate", "exit", "throw", "end"] as const;
const MOST_DELAY_MS = 30;
const HUNG_MS = 20_000;
/** How many workers there are at a time. */
const AT_A_TIME = 3;

const [directory = "", rounds = "0", seed = "1", main] = process.argv.slice(2);
const random = randomNumbers(Number(seed));
const files = ["delete", "wal", "blocked"].map((name) => join(directory, `${name}.db`));
const failures: string[] = [];
const ledger: number[] = [];
const report = {
  seed: Number(seed),
  rounds: 0,
  worked: 0,
  acknowledged: 0,
  longestTerminateMs: 0,
  longestEndMs: 0,
  failures,
};

await startHelper("storm-files", ["prepare", ...files]).ended;
const blocker = startHelper("lock-holder", [files[2] ?? "", "write"]);
await blocker.waitFor("held");
const clients = main === "loaded" ? await workInMainThread() : [];

await Promise.all(Array.from({ length: AT_A_TIME }, oneAfterTheOther));

for (const client of clients) client.close();
if (hasProc) {
  // Ours only: Node itself leaves that of a module which a worker was loading when it was terminated.
  for (const file of files) {
    for (const left of descriptorsOf(file)) failures.push(`descriptor left: ${left}`);
  }
  for (const thread of latchdbThreads()) failures.push(`thread left: ${thread}`);
}
blocker.say("release");
await blocker.ended;
report.acknowledged = ledger.length;
const ledgerFile = join(directory, "ledger.json");
writeFileSync(ledgerFile, JSON.stringify(ledger));
const verified = await startHelper("storm-files", ["verify", ledgerFile, ...files]).ended;
failures.push(...(JSON.parse(verified.lines.at(-1) ?? '["no answer"]') as string[]));
console.log(JSON.stringify(report));

async function oneAfterTheOther(): Promise<void> {
  while (report.rounds < Number(rounds) && failures.length === 0) await round(++report.rounds);
}

async function round(number: number): Promise<void> {
  const way = ways[Math.floor(random() * ways.length)] ?? "end";
  const order: StormOrder = {
    files,
    way,
    firstId: number * 1_000_000,
    delayMs: random() * MOST_DELAY_MS,
    // While it is still being loaded, or in the middle of its work.
    isWorking: random() < 0.6,
  };
  const worker = new Worker(new URL("./storm-worker.mjs", import.meta.url), {
    workerData: order,
    stderr: true,
  });
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  let endedAt = performance.now();
  let works = false;
  worker.on("error", (error) => {
    if (!String(error).includes("thrown on purpose")) failures.push(`worker: ${String(error)}`);
  });
  worker.on("message", (said: StormSaying) => {
    if (said.acknowledged !== undefined) ledger.push(...said.acknowledged);
    if (said.ends) endedAt = performance.now();
    if (said.works && !works) {
      works = true;
      report.worked++;
      if (order.isWorking) endSoon();
    }
  });
  let isTerminated = false;
  const endSoon = (): void => {
    if (way !== "terminate") return;
    setTimeout(() => {
      isTerminated = true;
      endedAt = performance.now();
      void worker.terminate();
    }, order.delayMs);
  };
  if (!order.isWorking) endSoon();

  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<"hung">((resolve) => {
    timer = setTimeout(resolve, HUNG_MS, "hung");
  });
  if ((await Promise.race([exited, hung])) === "hung") {
    failures.push(`hung: ${JSON.stringify({ way, number, isTerminated })}`);
    await worker.terminate();
  }
  clearTimeout(timer);
  const endMs = performance.now() - endedAt;
  if (isTerminated) report.longestTerminateMs = Math.max(report.longestTerminateMs, endMs);
  else report.longestEndMs = Math.max(report.longestEndMs, endMs);
}

async function workInMainThread(): Promise<LocalClient[]> {
  const { createClient } = await import("latchdb");
  const ignore = (): void => undefined;
  const opened = [...files.slice(0, 2).map((file) => `file:${file}`), ":memory:"].map((url) =>
    createClient({ url, timeout: 60_000 }),
  );
  for (const client of opened) {
    client.execute(endlessQuery).catch(ignore);
    client.transaction("read").catch(ignore);
  }
  return opened;
}
