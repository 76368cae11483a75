/**
 * A database that is replaced by its next version while it is in use.
 *
 * Loads 135,000 places into version 1, answers questions about them all the while, writes version 2
 * beside it, closes, proves that nothing is open, and puts version 2 in its place.
 */
import { existsSync, mkdtempSync, realpathSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  const nextFile = `${file}.next`;
  const eventLoop = watchEventLoop();
  const guide = new CityGuide();
  let client = guide.open(file, v1);

  // 1. Load version 1, in batches. Callers ask about what is there already.
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

  // 2. Write version 2 beside it. The callers go on asking version 1.
  const migrateMs = await withProgress(
    "migrate to version 2",
    places.length,
    async (onProgress) => {
      const next = createClient({ url: `file:${nextFile}` });
      try {
        await migrate(client, next, onProgress);
      } finally {
        next.close();
      }
    },
  );
  const before = await v1.summarize(client);
  const longestGapMs = eventLoop.stop();

  // 3. Close version 1 in the middle of the callers' questions. When close() has returned, nothing
  // is open: no descriptor, no thread, and no -wal whose contents could get into the next version.
  const closeMs = measure(() => guide.close());
  const handles = [
    ...openHandles(directory),
    ...[file, nextFile].flatMap((path) => [`${path}-wal`, `${path}-shm`]).filter(existsSync),
  ];

  // 4. So the next version can take its place at once, on Windows too.
  const renameMs = measure(() => renameSync(nextFile, file));

  // 5. Open it. The questions that were cut off or had to wait are answered by version 2.
  const openMs = measure(() => (client = guide.open(file, v2)));
  const after = await v2.summarize(client);
  const answeredBefore = callers.answered;
  while (callers.answered < answeredBefore + 1_000 && callers.failures.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await callers.stop();
  guide.close();

  return {
    rows: places.length,
    milliseconds: { loadMs, migrateMs, closeMs, renameMs, openMs },
    answered: callers.answered,
    askedAgain: guide.askedAgain,
    failures: callers.failures,
    longestGapMs,
    handles: [...handles, ...openHandles(directory)],
    isSame: isDeepStrictEqual(before, after) && countPlaces(after) === places.length,
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
