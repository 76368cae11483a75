import { rm } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { temporaryDirectory } from "../support/database.mjs";
import { journalModes } from "../support/queries.mjs";
import { randomNumbers } from "../support/random.mjs";
import { Ledger } from "./ledger.mjs";
import type { World } from "./life.mjs";
import { createFile, playOn } from "./play.mjs";

// What resolved is in the file, what rejected is not, and settings are what calls that resolved have
// made them: whatever is aborted or closed in the middle of what.

/**
 * TRUTH_CALLS asks for so many calls (`npm run test:truth`: 100,000), LATCHDB_SEED for the same ones
 * again. When each abort comes depends on the machine, too.
 */
const { TRUTH_CALLS, LATCHDB_SEED } = process.env;
const calls = Number(TRUTH_CALLS ?? 4000);
const seed = Number(LATCHDB_SEED ?? Math.floor(Math.random() * 2 ** 31));

for (const mode of journalModes) {
  test.serial(`what resolved is in the file, and nothing else (${mode})`, async (t) => {
    t.timeout(60_000 + calls * 50);
    t.log(`seed ${seed}`);
    const directory = await temporaryDirectory(t);
    const ledger = new Ledger();
    const counts = { calls: 0, aborts: 0, aborted: 0, closed: 0, lives: 0 };
    const random = randomNumbers(seed);
    const usual = new Map<string, number>();
    const share = calls / journalModes.length;
    for (let number = 0; counts.calls < share; number++) {
      const file = join(directory, `${number}.db`);
      await createFile(file, mode);
      const world: World = { random, file, ledger, counts, usual, lastId: 0 };
      await playOn(world, share);
      ledger.forget();
      await rm(file, { force: true });
    }
    const { aborts, aborted, closed, lives } = counts;
    t.log(
      `${counts.calls} calls of ${lives} clients; ${aborts} were aborted, ${aborted} of them in time; ` +
        `${closed} ended with their client or transaction`,
    );
    const lies = [...ledger.lies].map(([kind, { times, first }]) => `${times} × ${kind}: ${first}`);
    t.deepEqual(lies, [], `seed ${seed}`);
    t.true(aborted > share / 20 && aborts - aborted > share / 20 && closed > share / 200);
  });
}
