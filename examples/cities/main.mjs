/**
 * Replaces a database by its next version while it is in use.
 *
 * The program loads 135,000 places into version 1 and answers questions about them all the while. It
 * replaces the database by version 2 in one call. After close() it proves that nothing is open.
 */
import { existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { createClient } from "latchdb";
import { Callers } from "./callers.mjs";
import { CityGuide } from "./city-guide.mjs";
import { watchEventLoop } from "./event-loop.mjs";
import { migrate } from "./migrate.mjs";
import { openHandles } from "./open-handles.mjs";
import { places } from "./places.mjs";
import { withProgress } from "./progress.mjs";
import { printReport } from "./report.mjs";
import * as v1 from "./schema-v1.mjs";
import * as v2 from "./schema-v2.mjs";

const BATCH_SIZE = 2_000;
const CALLERS = 4;

const directory = realpathSync(mkdtempSync(join(tmpdir(), "latchdb-cities-")));
try {
  const report = await replaceWhileInUse(join(directory, "cities.db"));
  printReport(report);
  const isGood = report.handles.length === 0 && report.failures.length === 0 && report.isSame;
  process.exitCode = isGood ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true });
}

/** @param {string} file */
async function replaceWhileInUse(file) {
  const eventLoop = watchEventLoop();
  const guide = new CityGuide();
  const client = guide.open(file, v1);

  // 1. Load version 1, in batches. Callers ask about the places that are loaded.
  let loaded = 0;
  const callers = new Callers(guide, () => places[Math.floor(Math.random() * loaded)]);
  await v1.createSchema(client);
  callers.start(CALLERS);
  const loadMs = await withProgress("load version 1", places.length, async (onProgress) => {
    while (loaded < places.length) {
      const batch = places.slice(loaded, loaded + BATCH_SIZE);
      await v1.insertPlaces(client, batch);
      loaded += batch.length;
      onProgress(loaded);
    }
  });

  const before = await v1.summarize(client);

  // 2. Replace it by version 2 in one call, while callers ask. Their questions wait, and none fails. The
  // old database stays until the new one is complete, checked and on the disk.
  let replaced;
  const replaceMs = await withProgress(
    "migrate to version 2",
    places.length,
    async (onProgress) => {
      replaced = await guide.replace(v2, {
        build: (staging, old) => migrate(old, staging, onProgress),
        verify: async (staging) => countPlaces(await v2.summarize(staging)) === places.length,
        backup: true,
      });
    },
  );

  // 3. The same client answers from version 2. Version 1 is a file beside it.
  const after = await v2.summarize(client);
  const answeredBefore = callers.answered;
  while (callers.answered < answeredBefore + 1_000 && callers.failures.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await callers.stop();
  const longestGapMs = eventLoop.stop();

  // 4. After close() nothing is open: no descriptor, no thread, no -wal.
  const closeMs = measure(() => guide.close());
  const backup = createClient({ url: `file:${replaced.backup}` });
  const inBackup = await v1.summarize(backup);
  backup.close();
  const sidecars = [file, replaced.backup].flatMap((path) => [`${path}-wal`, `${path}-shm`]);

  return {
    rows: places.length,
    milliseconds: { loadMs, replaceMs, closeMs },
    answered: callers.answered,
    longestWaitMs: callers.longestWaitMs,
    failures: callers.failures,
    longestGapMs,
    mode: replaced.mode,
    backup: basename(replaced.backup),
    handles: [...openHandles(directory), ...sidecars.filter(existsSync)],
    isSame:
      isDeepStrictEqual(before, after) &&
      isDeepStrictEqual(before, inBackup) &&
      countPlaces(after) === places.length,
  };
}

function countPlaces(summary) {
  return summary.reduce((sum, country) => sum + country.places, 0);
}

function measure(action) {
  const start = performance.now();
  action();
  return performance.now() - start;
}
