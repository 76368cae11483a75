// A kill during the recovery of what a kill has left; two processes that recover the same at once.

import test from "ava";
import type { ExecutionContext } from "ava";
import { sweepKills } from "../support/kill-sweep.mjs";
import { startProgram } from "../support/processes.mjs";
import { isDisregarded, isRecordable, isThorough } from "../support/recordable.mjs";
import { examine } from "./outcome.mjs";
import { record, recordRecovery } from "./recording.mjs";
import type { KillState, Recording, Scenario } from "./recording.mjs";

async function recorded(t: ExecutionContext, scenario: Scenario): Promise<Recording | undefined> {
  t.timeout(3_600_000);
  return isRecordable(t) ? record(t, scenario) : undefined;
}

/** After which calls of the first kill there is the most to set right. */
const PIVOTAL: Record<string, RegExp> = {
  link: /^(sync \.swap-lock|remove data\.db-(wal|journal)|link|rename)/,
  "in-place": /^(sync \.swap-lock|rename|remove data\.db-journal|create data\.db-journal)/,
};

function pivotal(kills: KillState[], how: string): KillState[] {
  const found = kills.filter(({ after }) => PIVOTAL[how]?.test(after));
  return isThorough ? kills : found;
}

const scenarios: Scenario[] = [
  { how: "link", mode: "wal", backup: true },
  { how: "link", mode: "delete", backup: true },
  { how: "in-place", mode: "wal", backup: true },
  { how: "in-place", mode: "delete", backup: true },
];

for (const scenario of scenarios) {
  const { how, mode } = scenario;
  test.serial(`${how}, ${mode}: whatever a kill of the recovery leaves is set right`, async (t) => {
    const recording = await recorded(t, scenario);
    if (recording === undefined) return;
    const { sandbox, stock } = recording;
    let count = 0;
    for (const [i, { after, state }] of pivotal(recording.kills(), how).entries()) {
      await recording.restore(state);
      const recovery = await recordRecovery(t, sandbox, i % 2 === 0 ? "recover" : "open");
      for (const second of recovery.kills) {
        await recovery.restore(second.state);
        const { problems } = await examine(
          sandbox,
          scenario,
          stock,
          i % 2 === 0 ? "open" : "recover",
        );
        t.deepEqual(problems, [], `killed after ${after}, and then after ${second.after}`);
        count++;
      }
    }
    t.log(`${count} states`);
    t.true(count >= 5);
  });
}

test.serial("a recovery that is killed before each changing call, and run again", async (t) => {
  const scenario: Scenario = { how: "link", mode: "wal", backup: true };
  const recording = await recorded(t, scenario);
  if (recording === undefined) return;
  const { sandbox, stock } = recording;
  let count = 0;
  const firsts = recording.kills().filter(({ after }) => /^(remove data|link|rename)/.test(after));
  for (const { after, state } of isThorough ? firsts : firsts.slice(0, 3)) {
    const kills = await sweepKills(t, "recover-once", async () => {
      await recording.restore(state);
      return {
        root: sandbox.root,
        arguments: [sandbox.target, "recover"],
        isDisregarded,
        async check({ before }) {
          const { problems } = await examine(sandbox, scenario, stock, "open");
          t.deepEqual(problems, [], `killed after ${after}, then before ${before}`);
        },
      };
    });
    count += kills.length;
  }
  t.log(`${count} kills`);
  t.true(count >= 15);
});

for (const scenario of scenarios.slice(0, 2)) {
  test.serial(`two processes that recover at once: ${scenario.mode}`, async (t) => {
    const recording = await recorded(t, scenario);
    if (recording === undefined) return;
    const { sandbox, stock } = recording;
    const states = pivotal(recording.kills(), "link");
    for (const { after, state } of isThorough ? states : states.slice(-4)) {
      await recording.restore(state);
      const hows = ["recover", "recover", "open"];
      const programs = hows.map((how) =>
        startProgram(t, "recover-once", { arguments: [sandbox.target, how] }),
      );
      await Promise.all(programs.map((program) => program.waitFor("ready")));
      for (const program of programs) program.say("go");
      const ends = await Promise.all(programs.map((program) => program.ended));
      for (const { code, errors } of ends) t.is(code, 0, errors);
      const { problems } = await examine(sandbox, scenario, stock, "open");
      t.deepEqual(problems, [], `killed after ${after}`);
    }
  });
}
