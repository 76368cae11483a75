import assert from "node:assert/strict";
import { once } from "node:events";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { journalModes, type SmokeCase } from "../case.mjs";

export const workers: SmokeCase[] = journalModes.map((mode) => ({
  name: `a worker that is terminated amid its work leaves the file free, 5 of 5 (${mode})`,
  async run({ package: { createClient }, packageFolder, folder }) {
    for (let round = 1; round <= 5; round += 1) {
      const file = join(folder, "test.db");
      const before = createClient({ url: `file:${file}` });
      await before.execute(`PRAGMA journal_mode = ${mode}`);
      await before.execute("CREATE TABLE t (a)");
      before.close();

      const worker = new Worker(new URL("../busy-worker.mjs", import.meta.url), {
        workerData: { packageFolder, file },
      });
      await once(worker, "message");
      await worker.terminate();

      const after = createClient({ url: `file:${file}` });
      assert.equal((await after.execute("SELECT count(*) FROM t")).rows[0]?.[0], 0);
      after.close();
      renameSync(file, `${file}.renamed`);
      rmSync(`${file}.renamed`);
    }
  },
}));
