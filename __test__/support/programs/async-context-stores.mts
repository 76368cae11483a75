/**
 * Makes a process's first calls with stores of an AsyncLocalStorage, and says how many of these are kept while
 * the client stays open.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { createClient } from "latchdb";
import { swapFile } from "latchdb/swap";

const [directory] = process.argv.slice(2);
const TURNS = 500;
const storage = new AsyncLocalStorage<object>();

/** Runs an action with a store that nothing else refers to. */
async function runWithStore<T>(
  run: () => Promise<T>,
): Promise<{ store: WeakRef<object>; value: T }> {
  const store = { large: new Uint8Array(1024) };
  const value = await storage.run(store, run);
  return { store: new WeakRef(store), value };
}

const opened = await runWithStore(async () => {
  const client = createClient({ url: `file:${directory}/test.db` });
  await client.execute("create table t (a)");
  return client;
});
const swapped = await runWithStore(() => swapFile(`${directory}/file`, { data: "" }));
const ended = await runWithStore(async () => {
  const transaction = await opened.value.transaction();
  await transaction.commit();
});
const stores = [opened, swapped, ended].map(({ store }) => store);

const kept = (): number => stores.filter((store) => store.deref() !== undefined).length;
for (let turn = 0; turn < TURNS && kept() > 0; turn++) {
  // To look at a WeakRef keeps its object for the turn.
  await new Promise(setImmediate);
  globalThis.gc?.();
}
// It is open up to here.
await opened.value.execute("select 1");
console.log(JSON.stringify({ stores: stores.length, kept: kept() }));
opened.value.close();
