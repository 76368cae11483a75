// Another process commits at any moment of a replacement: its row is in what the new database is built
// from, or the swap is refused, or the row comes later. None that was acknowledged is lost.

import test from "ava";
import { SwapError, swapDatabase } from "latchdb/swap";
import type { InUse } from "latchdb/swap";
import { rebuild } from "../support/ledger/ledger.mjs";
import { ROWS, lookAt, makeSandbox } from "../support/ledger/sandbox.mjs";
import { startProgram } from "../support/processes.mjs";
import { journalModes } from "../support/queries.mjs";

const isThorough = process.env["LATCHDB_CRASHES"] === "all";
const SWAPS = isThorough ? 200 : 12;
/** A swap that waits for a gap between two commits can take seconds: after this time fewer will do. */
const LONG_ENOUGH_MS = isThorough ? Infinity : 15_000;

/** What a swap may say that meets a writer. */
const REFUSALS = ["DATABASE_IN_USE", "DATABASE_CHANGED", "DATABASE_BUSY"];

/** Whether the writer stays, or opens the database for each of its rows. */
const writers = [
  ["keep", "in-place"],
  ["keep", "refuse"],
  ["reopen", "refuse"],
  ["reopen", "wait"],
  ["reopen", "in-place"],
] as const satisfies Array<[how: string, inUse: InUse]>;

for (const mode of journalModes) {
  for (const [how, inUse] of writers) {
    test.serial(`a writer that is there (${how}, ${inUse}, ${mode}): no row is lost`, async (t) => {
      t.timeout(600_000);
      const { target } = await makeSandbox(t, mode);
      const writer = startProgram(t, "numbered-writer", {
        arguments: [target, `${ROWS + 1}`, how],
      });
      await writer.waitFor("ready");
      await writer.waitFor(`${ROWS + 1}`);
      const outcomes: Record<string, number> = {};
      // A swap is possible sooner or later, where the writer is not there all the time.
      const wanted = inUse === "in-place" ? inUse : how === "keep" ? undefined : "rename";
      const end = performance.now() + LONG_ENOUGH_MS;
      let swaps = 0;
      const isOver = (): boolean =>
        (swaps >= SWAPS || (swaps > 0 && performance.now() > end)) &&
        (wanted === undefined || wanted in outcomes);
      for (; !isOver(); swaps++) {
        const outcome = await swapDatabase(target, {
          build: (staging, old) => old && rebuild(staging, old),
          inUse,
          timeoutMs: inUse === "refuse" ? 2000 : 20_000,
          durability: "barrier",
        }).then(
          (result) => (result.openedMeanwhile ? "opened meanwhile" : result.mode),
          (error: unknown) => {
            if (!(error instanceof SwapError) || !REFUSALS.includes(error.code)) throw error;
            t.false(error.committed);
            return error.code;
          },
        );
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
      writer.say("stop");
      const { code, errors, lines } = await writer.ended;
      t.is(code, 0, errors);
      const last = Number(lines.findLast((line) => /^\d+$/.test(line)));
      const moved = lines.filter((line) => line === "moved").length;
      t.log(`${last - ROWS} rows; ${JSON.stringify(outcomes)}; ${moved} with the old file`);
      t.true(moved <= (outcomes["opened meanwhile"] ?? 0), "it was not said who has the old file");
      const { is, journalMode } = await lookAt(target);
      t.regex(is, new RegExp(`^(old|new) ${last}$`), "acknowledged rows are lost");
      t.is(journalMode, mode);
      if (how === "keep" && inUse === "refuse") t.is(outcomes["DATABASE_IN_USE"], swaps);
    });
  }
}
