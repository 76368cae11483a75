/** Loads, works and unloads again and again, and reports what has grown meanwhile, as JSON. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import vm from "node:vm";
import { Worker } from "node:worker_threads";
import { createClient, terminateWorker } from "latchdb";
import { descriptorsOf, hasProc, latchdbThreads } from "../open-files.mjs";

type Latchdb = typeof import("latchdb");

const WARM_UP = 22;
const [file = "", of = "", count = "0"] = process.argv.slice(2);
const url = `file:${file}`;
const require = createRequire(import.meta.url);
const entry = require.resolve("latchdb");

const cycles: Record<string, () => Promise<void>> = {
  worker: inWorker,
  context: () => work(inContext()),
  cache: () => work(withEmptyCache()),
};

const first = createClient({ url });
await first.execute("pragma journal_mode = wal");
await first.execute("create table t (a)");
first.close();

const cycle = cycles[of];
if (cycle === undefined) throw new Error(`unknown cycle: ${of}`);
for (let i = 0; i < WARM_UP; i++) await cycle();
const before = await memory();
for (let i = 0; i < Number(count); i++) await cycle();
const after = await memory();

const descriptors = hasProc ? descriptorsOf(file) : [];
const threads = hasProc ? latchdbThreads() : [];
const last = createClient({ url });
const rows = Number((await last.execute("select count(*) from t")).rows[0]?.[0]);
last.close();
console.log(JSON.stringify({ descriptors, threads, megabytes: (after - before) / 2 ** 20, rows }));

/** What one cycle does with the package: some clients are left to shutdownAll. */
async function work({ createClient: create, shutdownAll }: Latchdb): Promise<void> {
  const client = create({ url });
  await client.execute("insert into t values (1)");
  const transaction = await client.transaction("write");
  await transaction.execute("insert into t values (2)");
  create({ url: ":memory:" });
  const { clients, failures } = await shutdownAll();
  if (clients.length !== 2 || failures.length > 0) throw new Error("not everything was closed");
}

async function inWorker(): Promise<void> {
  const worker = new Worker(new URL("./reload-worker.mjs", import.meta.url), {
    workerData: { url },
  });
  await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  const report = await terminateWorker(worker);
  if (!report.acknowledged || report.clients.length !== 2) throw new Error(JSON.stringify(report));
}

function withEmptyCache(): Latchdb {
  for (const path of Object.keys(require.cache)) {
    if (path.startsWith(dirname(entry)) || path.endsWith("binding.js")) delete require.cache[path];
  }
  const loaded = require(entry) as Latchdb;
  // Node keeps a list of all that a module has ever required.
  const parent = require.cache[entry]?.parent;
  if (parent) parent.children = [];
  return loaded;
}

/** The package's code in a context of its own; each context loads the addon anew. */
function inContext(): Latchdb {
  const context = vm.createContext({
    ...Object.fromEntries(
      Object.getOwnPropertyNames(globalThis)
        .filter((name) => !(name in vm.runInNewContext("globalThis")))
        .map((name) => [name, (globalThis as Record<string, unknown>)[name]]),
    ),
    process,
  });
  const loaded = new Map<string, { exports: unknown }>();
  const load = (path: string): unknown => {
    const known = loaded.get(path);
    if (known !== undefined) return known.exports;
    if (path.endsWith(".json")) return require(path);
    const module = { exports: {} };
    loaded.set(path, module);
    if (path.endsWith(".node")) {
      process.dlopen(module, path);
      return module.exports;
    }
    const outer = createRequire(path);
    const inner = (name: string): unknown =>
      name.startsWith(".") || name.endsWith(".node") ? load(outer.resolve(name)) : outer(name);
    const code = `(function (exports, require, module, __filename, __dirname) {${readFileSync(path, "utf8")}\n})`;
    const run = vm.runInContext(code, context, { filename: path }) as (...args: unknown[]) => void;
    run(module.exports, Object.assign(inner, outer), module, path, dirname(path));
    return module.exports;
  };
  return load(entry) as Latchdb;
}

async function memory(): Promise<number> {
  // A copy of the package that has nothing open lets go of the addon after a second.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return process.memoryUsage.rss();
}
