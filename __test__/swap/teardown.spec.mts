// Whatever ends a worker or the process in the middle of a swap: nothing of the swap is left.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { readdir, truncate, writeFile } from "node:fs/promises";
import { setImmediate, setTimeout } from "node:timers/promises";
import test from "ava";
import { swapFile } from "latchdb/swap";
import { hasProc, latchdbThreads } from "../support/open-files.mjs";
import { reportOf, startProgram } from "../support/processes.mjs";
import { assertUntouched, folderWithTarget } from "./folder.mjs";

const END_LIMIT_MS = 2000;

interface Report {
  longestEndMs: number;
  /** What was in the directory after each end, beside the targets. */
  left: string[];
  threads: string[];
  descriptors: string[];
  contents: string[];
}

for (const way of ["terminate", "exit", "throw"]) {
  test.serial(`a worker with swaps at every step is ended (${way}), 10 times`, async (t) => {
    t.timeout(60_000);
    const { directory, elsewhere } = await folderWithTarget(t);
    await writeFile(elsewhere("large"), "");
    await truncate(elsewhere("large"), 8 * 1024 ** 3);
    const report = await reportOf<Report>(t, "swap-storm", {
      arguments: [directory, elsewhere("large"), way, "10"],
    });
    t.deepEqual(report.left, []);
    t.deepEqual(report.contents, ["old"]);
    t.log(`the longest end took ${report.longestEndMs.toFixed(1)} ms`);
    t.true(report.longestEndMs < END_LIMIT_MS);
    if (!hasProc) t.log("no /proc on this system: descriptors and threads were not looked at");
    t.deepEqual([report.threads, report.descriptors], [[], []]);
  });
}

for (const way of ["exit", "throw"]) {
  test(`a process ends in the middle of a swap (${way}): no staging file is left`, async (t) => {
    const folder = await folderWithTarget(t);
    const program = startProgram(t, "swap-and-stay", { arguments: [folder.target] });
    await program.waitFor("preparing");
    program.say(way);
    const { signal } = await program.ended;
    t.is(signal, null);
    await assertUntouched(t, folder);
  });
}

test("a swap keeps the process alive until it is done, and no longer", async (t) => {
  const folder = await folderWithTarget(t);
  const program = startProgram(t, "swap-alone", { arguments: [folder.target] });
  t.deepEqual(await program.ended, { code: 0, signal: null, lines: ["swapped"], errors: "" });
  t.is(await folder.content(), "new");
});

/** How the event loop fares while an action runs. */
interface Loop {
  /** How often it came round. */
  turns: number;
  /** The longest time that its thread itself computed in one turn, in ms; 0 where nothing tells it. */
  busyMs: number;
}

// What else the machine does is in neither of them, but for the number of turns: of many there are
// fewer.
async function watchLoop(action: () => Promise<unknown>): Promise<Loop> {
  const loop: Loop = { turns: 0, busyMs: 0 };
  const over = new AbortController();
  const running = action().finally(() => over.abort());
  for (let before = computedMs(); !over.signal.aborted; loop.turns++) {
    await setImmediate();
    const now = computedMs();
    loop.busyMs = Math.max(loop.busyMs, now - before);
    before = now;
  }
  await running;
  return loop;
}

/** How long the main thread has computed (https://docs.kernel.org/scheduler/sched-stats.html). */
function computedMs(): number {
  if (!existsSync("/proc/self/schedstat")) return 0;
  return Number(readFileSync("/proc/self/schedstat", "utf8").split(" ")[0]) / 1e6;
}

const FEWEST_TURNS = 20;
const LONGEST_TURN_MS = 40;

test.serial("the event loop goes on while a large file is swapped", async (t) => {
  const { target, elsewhere } = await folderWithTarget(t);
  const data = Buffer.alloc(64 * 1024 * 1024, 1);
  const text = data.toString("latin1");
  await writeFile(elsewhere("source"), data);
  const contents = {
    data: { data },
    text: { data: text },
    source: { source: elsewhere("source") },
  };
  for (const [name, content] of Object.entries(contents)) {
    const { turns, busyMs } = await watchLoop(() =>
      swapFile(target, { ...content, durability: "none" }),
    );
    t.log(`${name}: ${turns} turns, ${busyMs.toFixed(1)} ms in one of them`);
    t.true(turns >= FEWEST_TURNS, name);
    t.true(busyMs < LONGEST_TURN_MS, name);
  }
});

test.serial(
  "(the test sees it: whoever writes the file at once leaves the loop no turn)",
  async (t) => {
    const { target } = await folderWithTarget(t);
    const text = Buffer.alloc(64 * 1024 * 1024, 1).toString("latin1");
    const { turns } = await watchLoop(async () => {
      await setImmediate();
      writeFileSync(target, text);
    });
    t.true(turns < FEWEST_TURNS, `${turns} turns`);
  },
);

test("a few threads stay for a while, and none for long", async (t) => {
  if (!hasProc) {
    t.log("no /proc on this system");
    t.pass();
    return;
  }
  const { elsewhere } = await folderWithTarget(t);
  const numbers = Array.from({ length: 100 }, (_, index) => index);
  await Promise.all(
    numbers.map((i) => swapFile(elsewhere(`${i}`), { data: "", durability: "none" })),
  );
  const swaps = (): string[] => latchdbThreads().filter((name) => name === "latchdb-files");
  const untilAtMost = async (count: number, tries: number): Promise<void> => {
    for (let i = 0; i < tries && swaps().length > count; i++) await setTimeout(100);
    t.true(swaps().length <= count, `${swaps().length} threads`);
  };
  await untilAtMost(4, 300);
  // They stay for 5 s.
  await untilAtMost(0, 600);
  t.is((await readdir(elsewhere(""))).length, 100);
});
