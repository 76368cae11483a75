// SIGKILL before the system calls of a database's replacement that change something: the stock client,
// which knows nothing of swaps, finds the old or the new database at once; ours does, and sets right
// what is left.
//
// What is left by each kill is made from the recorded calls; before some of them a program is really
// killed. `npm run test:crashes` kills one before each call of the thread that swaps.

import test from "ava";
import type { ExecutionContext } from "ava";
import { join } from "node:path";
import { sweepKills } from "../support/kill-sweep.mjs";
import type { Change } from "../support/kill-sweep.mjs";
import { makeSandbox } from "../support/ledger/sandbox.mjs";
import { startStockReader } from "../support/ledger/stock-reader.mjs";
import { isDisregarded, isRecordable, isThorough } from "../support/recordable.mjs";
import { before, examine, NEW_ROWS, OLD_ROWS } from "./outcome.mjs";
import { orderFor, record } from "./recording.mjs";
import type { Scenario } from "./recording.mjs";

/** How many kills there are in a scenario where it is not all. */
const KILLS = 6;

/** Of many runs a few share their calls out otherwise, again and again: what they leave is known. */
const MAY_MISS = isThorough ? 0.1 : 0;

function isSkipped(t: ExecutionContext): boolean {
  t.timeout(3_600_000);
  return !isRecordable(t);
}

/** What the stock client saw after each kill, in the order of the calls. */
async function sweep(t: ExecutionContext, scenario: Scenario): Promise<string[]> {
  const stock = await startStockReader(t);
  const seen = new Map<number, string>();
  const isNaive = scenario.how === "naive";
  const kills = await sweepKills(
    t,
    "replace-once",
    async () => {
      const sandbox = await makeSandbox(t, scenario.mode);
      const order = await orderFor(sandbox, scenario);
      const warmUp = isNaive ? undefined : join(sandbox.scratch, "warm-up.db");
      return {
        root: sandbox.root,
        arguments: [JSON.stringify({ ...order, warmUp })],
        isDisregarded,
        async check({ done, before: text, said }) {
          const how = done % 2 === 0 ? "open" : "recover";
          const outcome = await examine(sandbox, scenario, stock, how);
          seen.set(done, outcome.seen);
          if (isNaive) return;
          const wrong = said.filter((line) => line.startsWith("wrong"));
          t.deepEqual([...wrong, ...outcome.problems], [], `killed before ${text}`);
          if (said.includes("resolved")) t.is(outcome.seen, NEW_ROWS);
        },
      };
    },
    isNaive ? undefined : chosen,
    MAY_MISS,
  );
  t.log(`${kills.length} kills`);
  return kills.map(({ done }) => seen.get(done) ?? "?");
}

/** Those of the thread that swaps: all, or a few of which most are around the commit. */
function chosen(changes: Change[]): Change[] {
  const thread = changes.find(({ text }) => text.startsWith("create .swap-lock-"))?.thread;
  // The event loop's threads call write() too, and each thread that opens a database fchown(): their
  // counts say nothing.
  const isFound = (text: string): boolean => !/^(owner of|write \.swap-lock-)/.test(text);
  const ofThread = changes.filter((change) => change.thread === thread && isFound(change.text));
  if (isThorough) return ofThread;
  const near = ofThread.filter(
    ({ text }) => !text.includes(".staging-") && !text.startsWith("write"),
  );
  const renames = ofThread.filter(({ text }) => text.startsWith("rename"));
  const others = [near, ofThread].flatMap((all) => {
    const step = Math.ceil((2 * all.length) / KILLS);
    return all.filter((_change, i) => i % step === 0);
  });
  return [...new Set([...renames, ...others, ...ofThread.slice(-1)])];
}

const scenarios: Array<[title: string, scenario: Scenario]> = [
  ["link, wal", { how: "link", mode: "wal", backup: true }],
  ["link, delete", { how: "link", mode: "delete", backup: true }],
  ["in place, wal", { how: "in-place", mode: "wal", backup: true }],
  ["in place, delete", { how: "in-place", mode: "delete", backup: true }],
];

const furtherScenarios: typeof scenarios = [
  ["link without a backup, wal", { how: "link", mode: "wal", backup: false }],
  ["in place without a backup, delete", { how: "in-place", mode: "delete", backup: false }],
  ["a source, wal", { how: "source", mode: "wal", backup: true }],
  ["a first database", { how: "first", mode: undefined, backup: false }],
];

for (const [title, scenario] of [...scenarios, ...furtherScenarios]) {
  test.serial(`${title}: what a kill before any changing call leaves is old or new`, async (t) => {
    if (isSkipped(t)) return;
    const recording = await record(t, scenario);
    const { states, violations } = await recording.examineKills();
    t.deepEqual(violations.slice(0, 5), []);
    t.log(`${recording.history.operations.length} calls, states: ${JSON.stringify(states)}`);
    t.true((states["killed"] ?? 0) >= 25);
  });
}

for (const [title, scenario] of isThorough ? [...scenarios, ...furtherScenarios] : scenarios) {
  test.serial(`${title}, killed before changing calls: old or new, for all`, async (t) => {
    if (isSkipped(t)) return;
    const seen = await sweep(t, scenario);
    const turn = seen.indexOf(NEW_ROWS);
    t.true(turn > 0, "no kill after the commit");
    t.deepEqual(
      seen,
      seen.map((_seen, i) => (i < turn ? before(scenario) : NEW_ROWS)),
    );
  });
}

test.serial("(the sweep sees it: a rename beside a -wal is found to be neither)", async (t) => {
  if (isSkipped(t)) return;
  const seen = await sweep(t, { how: "naive", mode: "wal", backup: false });
  t.true(
    seen.some((one) => one !== OLD_ROWS && one !== NEW_ROWS),
    seen.join("; "),
  );
});
