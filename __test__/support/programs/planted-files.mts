/**
 * Does to each database that it is told of what one can do to one, as the user that it is told of, and
 * prints a line before and behind each. Beside the database, or in its place, is a file that somebody
 * else has put there. Ends with a call under way.
 */
import { writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { createClient } from "latchdb";
import { copyDatabase, fsyncFile, recover, swapDatabase, swapFile } from "latchdb/swap";
import { internal } from "../internals.mjs";
import type { Action, Case } from "../planted/cases.mjs";

const [list = "", uid = "0"] = process.argv.slice(2);
const cases = JSON.parse(await readFile(list, "utf8")) as Case[];
const { examine } = internal<{ examine(path: string): Promise<unknown> }>(
  "local/swap/database/reports",
);

if (process.getuid?.() === 0 && uid !== "0") {
  process.setgroups?.([]);
  process.setgid?.(Number(uid));
  process.setuid?.(Number(uid));
}

/** How long what has a signal may take, and how long calls are waited for before they are ended. */
const LIMIT = 100;
const LIMIT_OF_CALLS = 1_000;
const options = () => ({ durability: "none" as const, signal: AbortSignal.timeout(LIMIT) });
const build = async (staging: { execute(sql: string): Promise<unknown> }): Promise<void> => {
  await staging.execute("create table t (a)");
};

const actions: Record<Action, (file: string, planted: string) => Promise<unknown>> = {
  async use(file) {
    const client = createClient({ url: `file:${file}` });
    const calls = async (): Promise<void> => {
      await client.execute("select * from t");
      await client.execute("insert into t values (2)");
    };
    const called = calls();
    called.catch(() => undefined);
    await Promise.race([called.catch(() => undefined), wait(LIMIT_OF_CALLS)]);
    client.close();
    await called;
  },
  recover: (file) => recover(file),
  swapFile: (file) => swapFile(file, { data: "new", ...options() }),
  swapDatabase: (file) => swapDatabase(file, { build, timeoutMs: LIMIT, ...options() }),
  async replaceDatabase(file) {
    const client = createClient({ url: `file:${file}` });
    try {
      await client.replaceDatabase({ build, timeoutMs: LIMIT, ...options() });
    } finally {
      client.close();
    }
  },
  copyTo: (file) => copyDatabase(join(dirname(file), "source.db"), file, options()),
  copyFrom: (file) => copyDatabase(file, join(dirname(file), "copy.db"), options()),
  async fsyncFile(file, planted) {
    await fsyncFile(planted);
    await fsyncFile(file);
  },
  doctor: (file) => examine(file),
  async exit(file) {
    createClient({ url: `file:${file}` })
      .execute("select * from t")
      .catch(() => undefined);
    await wait(10);
  },
};

const say = (line: object): void => void writeSync(1, JSON.stringify(line) + "\n");
for (const { number, action, file, planted } of cases) {
  say({ begins: number });
  const began = performance.now();
  const outcome = await actions[action](file, planted).then(
    () => ({ code: "ok" }),
    (error: { code?: unknown; name?: unknown; message?: unknown }) => ({
      code: error.name === "TimeoutError" ? "TimeoutError" : error.code,
      message: error.message,
    }),
  );
  say({ ended: number, ms: Math.round(performance.now() - began), ...outcome });
}
process.exit(0);
