// The models on what is known of SQLite (https://sqlite.org/pragma.html#pragma_synchronous): how sure a
// commit is to outlive a power cut.

import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import { temporaryDirectory } from "../support/database.mjs";
import { inMemory } from "../support/ledger/sandbox.mjs";
import { traceProgram, whyNotTraceable } from "../support/strace.mjs";
import { StateFolder, examineCrashStates, ext4, historyOf, posix, readDisk } from "./index.mjs";
import type { Report } from "./index.mjs";

async function commits(
  t: ExecutionContext,
  mode: string,
  synchronous: string,
): Promise<Report | undefined> {
  t.timeout(120_000);
  if (whyNotTraceable !== undefined) {
    t.log(`Skipped: no system calls can be recorded here (${whyNotTraceable})`);
    t.pass();
    return undefined;
  }
  const directory = await realpath(await temporaryDirectory(t, inMemory));
  const [root, kept] = [join(directory, "live"), join(directory, "kept")];
  for (const path of [root, kept]) await mkdir(path);
  const file = join(root, "test.db");
  const client = createClient({ url: `file:${file}` });
  await client.execute(`pragma journal_mode = ${mode}`);
  await client.execute("create table t (id integer primary key, filler)");
  client.close();
  const before = await readDisk(root);
  const folder = await StateFolder.begin(root, kept, before);
  const { calls } = await traceProgram(t, "commit-rows", { arguments: [file, synchronous] });
  const isDisregarded = (path: string): boolean => path.endsWith("-shm");
  const history = historyOf(calls, { root, before, umask: process.umask(), isDisregarded });
  return examineCrashStates({
    history,
    models: [posix, ext4],
    async findProblem(state) {
      await folder.write(state);
      const opened = createClient({ url: `file:${file}` });
      try {
        const { rows } = await opened.execute(`
          select (select integrity_check from pragma_integrity_check) as integrity,
            count(*) as count, coalesce(max(id), 0) as last from t`);
        const [row] = rows;
        if (row?.["integrity"] !== "ok" || row["count"] !== row["last"]) return JSON.stringify(row);
        const acknowledged = [...state.marks].length;
        return Number(row["count"]) < acknowledged ? "lost" : undefined;
      } catch (error) {
        return String(error);
      } finally {
        opened.close();
      }
    },
  });
}

const durable = [
  ["wal", "full"],
  ["delete", "extra"],
] as const;

for (const [mode, synchronous] of durable) {
  test.serial(`a commit outlives any power cut: ${mode}, synchronous ${synchronous}`, async (t) => {
    const report = await commits(t, mode, synchronous);
    if (report === undefined) return;
    t.deepEqual(report.violations.slice(0, 3), []);
    t.log(report.states);
    for (const { name } of [posix, ext4]) t.true((report.states[name] ?? 0) >= 10);
  });
}

const notDurable = [
  ["wal", "normal"],
  ["delete", "full"],
] as const;

for (const [mode, synchronous] of notDurable) {
  test.serial(
    `one may be lost, and nothing torn: ${mode}, synchronous ${synchronous}`,
    async (t) => {
      const report = await commits(t, mode, synchronous);
      if (report === undefined) return;
      const problems = new Set(report.violations.map(({ problem }) => problem));
      t.deepEqual([...problems], ["lost"]);
    },
  );
}
