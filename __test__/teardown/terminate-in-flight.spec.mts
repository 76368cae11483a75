import { Worker } from "node:worker_threads";
import test from "ava";
import { temporaryDatabase } from "../support/database.mjs";
import { lockElsewhere } from "../support/processes.mjs";
import { endlessQuery, journalModes, prepare } from "../support/queries.mjs";

// What `worker.terminate()` must not wait for. A single one may have to wait for a core.

const ROUNDS = 20;
const TYPICAL_LIMIT_MS = 100;
const LONGEST_LIMIT_MS = 1000;

for (const mode of journalModes) {
  for (const { what, sql } of [
    { what: "a query of many minutes runs", sql: endlessQuery },
    { what: "a writer waits for another process", sql: "insert into t values (1)" },
  ]) {
    test.serial(`a worker is terminated at once while ${what} (${mode})`, async (t) => {
      const database = await temporaryDatabase(t);
      const client = database.open();
      await prepare(client, mode);
      client.close();
      const lock = await lockElsewhere(t, database.file, "write");
      const ends: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const worker = new Worker(
          new URL("../support/programs/one-call-worker.mjs", import.meta.url),
          { workerData: { url: database.url, sql } },
        );
        await new Promise((resolve) => worker.once("message", resolve));
        const began = performance.now();
        await worker.terminate();
        ends.push(performance.now() - began);
      }
      ends.sort((a, b) => a - b);
      const [typical = 0, longest = 0] = [ends[ROUNDS / 2], ends.at(-1)];
      t.log(`typical ${typical.toFixed(1)} ms, longest ${longest.toFixed(1)} ms`);
      t.true(typical < TYPICAL_LIMIT_MS, `${typical} ms`);
      t.true(longest < LONGEST_LIMIT_MS, `${longest} ms`);
      await lock.release();
    });
  }
}
