// Another process has the database open and does nothing: no lock tells of it. It is not renamed away
// under it, and what it writes later is in the database.

import test from "ava";
import type { ExecutionContext } from "ava";
import { basename } from "node:path";
import { createClient, type LocalClient } from "latchdb";
import { SwapError, swapDatabase } from "latchdb/swap";
import { rebuild } from "../support/ledger/ledger.mjs";
import { ROWS, lookAt, makeSandbox, namesBeside } from "../support/ledger/sandbox.mjs";
import type { Program } from "../support/helper-process.mjs";
import { openElsewhere, type OtherDatabase } from "../support/other-sqlite.mjs";
import { startProgram } from "../support/processes.mjs";
import { journalModes, type JournalMode } from "../support/queries.mjs";

const build = (staging: LocalClient, old: LocalClient | undefined): unknown =>
  old && rebuild(staging, old);

interface Idle {
  target: string;
  opener: Program;
}

async function idleOpener(t: ExecutionContext, mode: JournalMode): Promise<Idle> {
  const { target } = await makeSandbox(t, mode);
  const opener = startProgram(t, "idle-opener", { arguments: [target] });
  await opener.waitFor("ready");
  return { target, opener };
}

for (const mode of journalModes) {
  test(`another process has it open: refused, with its number and name (${mode})`, async (t) => {
    const { target, opener } = await idleOpener(t, mode);
    const beside = await namesBeside(target);
    const error = await t.throwsAsync(() => swapDatabase(target, { build }), {
      instanceOf: SwapError,
    });
    t.like(error, { code: "DATABASE_IN_USE", committed: false });
    const openers = error.openers ?? [];
    if (process.platform === "linux") {
      t.deepEqual(
        openers.map(({ pid }) => pid),
        [opener.pid],
      );
      t.true(
        openers[0]?.name?.startsWith(basename(process.execPath).slice(0, 4)),
        openers[0]?.name,
      );
    }
    t.deepEqual(await namesBeside(target), beside);
    opener.say(`write ${ROWS + 1}`);
    await opener.waitFor(`write ${ROWS + 1}: done`);
    opener.say("close");
    await opener.ended;
    // Once it is gone there is nothing in the way.
    t.is((await swapDatabase(target, { build })).mode, "rename");
    t.is((await lookAt(target)).is, `new ${ROWS + 1}`);
  });

  test(`in place, what an idle opener writes afterwards is there, and nothing is torn (${mode})`, async (t) => {
    const { target, opener } = await idleOpener(t, mode);
    const { mode: how } = await swapDatabase(target, { build, inUse: "in-place", backup: true });
    for (let id = ROWS + 1; id <= ROWS + 20; id++) {
      opener.say(`write ${id}`);
      await opener.waitFor(`write ${id}: done`);
    }
    opener.say("read");
    opener.say("close");
    const { lines } = await opener.ended;
    t.is(lines.at(-1), `it is new ${ROWS + 20}`);
    const { is, journalMode } = await lookAt(target);
    t.is(is, `new ${ROWS + 20}`, "rows that were acknowledged are lost");
    t.is(journalMode, mode);
    t.is(how, "in-place");
  });

  test(`it is waited for until it has closed the database (${mode})`, async (t) => {
    const { target, opener } = await idleOpener(t, mode);
    const { mode: how } = await swapDatabase(target, {
      build,
      inUse: "wait",
      timeoutMs: 60_000,
      onProgress({ step }) {
        // It waits there from then on.
        if (step === "prove") opener.say("close");
      },
    });
    t.is(how, "rename");
    t.is((await lookAt(target)).is, `new ${ROWS}`);
  });

  test(`another SQLite of this process is refused, beside ours and whenever it comes (${mode})`, async (t) => {
    if (process.platform === "win32") {
      t.log("Skipped: it locks by handle there, and nobody takes another's locks away");
      t.pass();
      return;
    }
    const { target } = await makeSandbox(t, mode);
    const refused = async (comes: "before" | "while it is built"): Promise<void> => {
      for (const inUse of ["refuse", "wait", "in-place"] as const) {
        const client = createClient({ url: `file:${target}` });
        await client.execute("select 1 from entry");
        let other: OtherDatabase | undefined;
        const open = (): void => {
          other = openElsewhere(target);
          other.exec("select count(*) from entry");
        };
        if (comes === "before") open();
        const swap = client.replaceDatabase({
          inUse,
          timeoutMs: 10_000,
          build: async (staging, old) => {
            await build(staging, old);
            open();
          },
        });
        const error = await t.throwsAsync(swap, { instanceOf: SwapError });
        t.like(error, { code: "DATABASE_IN_USE", committed: false }, `${comes}, ${inUse}`);
        t.regex(error.message, /another SQLite/);
        other?.close();
        client.close();
        t.is((await lookAt(target)).is, `old ${ROWS}`);
      }
    };
    await refused("before");
    await refused("while it is built");
    t.is((await swapDatabase(target, { build })).mode, "rename");
    t.is((await lookAt(target)).is, `new ${ROWS}`);
  });
}
