// Whatever ends a worker or the process in the middle of a swap: nothing of the swap is left.

import { readdir, truncate, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import test from "ava";
import { swapFile } from "latchdb/swap";
import { longestGaps } from "../support/event-loop-gap.mjs";
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

test("the event loop goes on while a large file is swapped", async (t) => {
  const { target, elsewhere } = await folderWithTarget(t);
  const data = Buffer.alloc(64 * 1024 * 1024, 1);
  await writeFile(elsewhere("source"), data);
  for (const content of [{ data }, { source: elsewhere("source") }]) {
    const gaps = await longestGaps(20, () => swapFile(target, { ...content, durability: "none" }));
    const held = gaps.map((gap) => gap.held);
    t.true(Math.min(...held) < 20, `${held.join(", ")} ms`);
  }
});

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
