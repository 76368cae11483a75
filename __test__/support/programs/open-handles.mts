/**
 * Uses the package in several ways, looks after each for open handles as `jest --detectOpenHandles`
 * does (collectHandles.js of @jest/core), and reports the types of those, as JSON.
 */
import { createHook } from "node:async_hooks";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

const [directory = ""] = process.argv.slice(2);

/**
 * Types that Jest leaves out. CustomGC is a thread-safe function that napi-rs makes as it loads an addon;
 * Jest before 30.5 shows it for each addon of napi-rs.
 */
const IGNORED = ["PROMISE", "TIMERWRAP", "ELDHISTOGRAM", "PerformanceObserver", "ZLIB", "CustomGC"];

/** How long the handles of closed clients are waited for. */
const LONGEST_MS = 1000;

let isLooking = false;
const active = new Map<number, { type: string; isActive: () => boolean }>();
const hook = createHook({
  init(id, type, _trigger, resource: { hasRef?(): boolean }) {
    if (isLooking || IGNORED.includes(type)) return;
    if (!("hasRef" in resource)) return void active.set(id, { type, isActive: () => true });
    const weak = new WeakRef(resource);
    active.set(id, { type, isActive: () => weak.deref()?.hasRef?.() ?? false });
  },
  destroy: (id) => void active.delete(id),
});
hook.enable();

// Jest's tests load the package while the hook is there.
const { createClient, shutdownAll } = await import("latchdb");
const { swapFile } = await import("latchdb/swap");
type Client = ReturnType<typeof createClient>;

const url = `file:${join(directory, "test.db")}`;
const long = Array.from({ length: 20_000 }, () => "select 1");
let open: Client | undefined;

const uses: Record<string, () => Promise<unknown>> = {
  loading: async () => undefined,
  async close() {
    const client = createClient({ url });
    await client.execute("select 1");
    client.close();
  },
  async "a close that cancels"() {
    const client = createClient({ url });
    const calls = [client.batch(long), client.execute("select 1"), client.transaction("write")];
    client.close();
    await Promise.allSettled(calls);
  },
  async shutdown() {
    const client = createClient({ url });
    void client.batch(long);
    void client.execute("select 1");
    await client.shutdown({ drain: true });
  },
  async shutdownAll() {
    await createClient({ url }).execute("select 1");
    await shutdownAll();
  },
  async replaceDatabase() {
    const client = createClient({ url });
    const build = (staging: Client): Promise<unknown> => staging.execute("create table t (a)");
    await Promise.all([client.replaceDatabase({ build }), client.execute("select 1")]);
    client.close();
  },
  swapFile: () => swapFile(join(directory, "file"), { data: "new" }),
  "a file that cannot be opened": async () => {
    const missing = join(directory, "missing", "test.db");
    await Promise.allSettled([(async () => createClient({ url: `file:${missing}` }))()]);
  },
  "a client that is still open": async () => {
    open = createClient({ url });
    await open.execute("select 1");
  },
};

const report: Record<string, string[]> = {};
for (const [use, run] of Object.entries(uses)) {
  await run();
  report[use] = await handles();
}
hook.disable();
open?.close();
console.log(JSON.stringify(report));

/** What is open a moment later. On a busy machine, the moment is longer. */
async function handles(): Promise<string[]> {
  isLooking = true;
  const limit = performance.now() + LONGEST_MS;
  let types: string[];
  do {
    await setTimeout(30);
    gc?.();
    await setTimeout(0);
    types = [...active.values()].filter(({ isActive }) => isActive()).map(({ type }) => type);
  } while (types.length > 0 && performance.now() < limit);
  isLooking = false;
  return types;
}
