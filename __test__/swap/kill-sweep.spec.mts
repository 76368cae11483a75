// SIGKILL before every system call of a swap that changes something: the target is old or new, and
// the next swap works and leaves nothing behind.

import { readFile } from "node:fs/promises";
import test from "ava";
import type { ExecutionContext } from "ava";
import { swapFile } from "latchdb/swap";
import { sweepKills } from "../support/kill-sweep.mjs";
import type { SwapOrder } from "../support/programs/swap-once.mjs";
import { traceProgram, whyNotTraceable } from "../support/strace.mjs";
import { makeSandbox, readTarget } from "./sandbox.mjs";
import type { SandboxOptions } from "./sandbox.mjs";

interface Found {
  /** What the target was after each kill, in the order of the calls. */
  targets: string[];
  /** How many of the kills left a file beside it, before the next swap. */
  untidy: number;
}

interface SweepOptions extends SandboxOptions {
  how?: SwapOrder["how"];
  /** Whether a swap of the target was killed before. */
  isSecond?: boolean;
}

async function sweep(
  t: ExecutionContext,
  { how = "swap", isSecond = false, ...options }: SweepOptions,
): Promise<Found | undefined> {
  if (whyNotTraceable !== undefined) {
    t.log(`Skipped: nothing can be killed at a system call here (${whyNotTraceable})`);
    t.pass();
    return undefined;
  }
  const targets = new Map<number, string>();
  let untidy = 0;
  const kills = await sweepKills(t, "swap-once", async () => {
    const sandbox = await makeSandbox(t, options);
    const args = [JSON.stringify({ ...sandbox.order, how })];
    if (isSecond) {
      await traceProgram(t, "swap-once", {
        arguments: args,
        killBefore: { name: "fsync", when: 1 },
      });
      t.not((await sandbox.leftovers()).length, 0, "the first kill left nothing to clear up");
    }
    return {
      root: sandbox.root,
      arguments: args,
      async check({ done, before }) {
        targets.set(done, await readTarget(sandbox));
        if ((await sandbox.leftovers()).length > 0) untidy++;
        await swapFile(sandbox.target, { data: "the next one" });
        t.is(await readFile(sandbox.target, "utf8"), "the next one");
        t.deepEqual(await sandbox.leftovers(), [], `killed before ${before}`);
      },
    };
  });
  t.log(`${kills.length} kills, ${untidy} of which left a file`);
  return { targets: kills.map(({ done }) => targets.get(done) ?? "?"), untidy };
}

const swaps: Array<[title: string, options: SweepOptions]> = [
  ["a plain swap", {}],
  ["a file that is signed in place", { signing: "in place" }],
  ["a first file", { isNew: true }],
  ["a swap after one that was killed", { isSecond: true }],
];

for (const [title, options] of swaps) {
  test.serial(
    `${title}, killed before each changing system call: old or new, and new for good`,
    async (t) => {
      t.timeout(120_000);
      const found = await sweep(t, options);
      if (found === undefined) return;
      const { targets, untidy } = found;
      const turn = targets.indexOf("new");
      const old = options.isNew === true ? "ENOENT" : "old";
      t.true(turn > 0, "no kill after the rename");
      t.deepEqual(
        targets,
        targets.map((_target, i) => (i < turn ? old : "new")),
      );
      t.true(untidy > 1, "no kill left anything to clear up");
    },
  );
}

test.serial("(the sweep sees it: a copy in place is found in between)", async (t) => {
  t.timeout(120_000);
  const found = await sweep(t, { how: "copy in place" });
  if (found === undefined) return;
  const { targets } = found;
  t.true(
    targets.some((target) => target.startsWith("neither old nor new")),
    targets.join("; "),
  );
});
