/** A worker of a storm: does everything at once, and ends itself where it is told to. */
import { parentPort, workerData } from "node:worker_threads";
import type { LocalClient } from "latchdb";
import { endlessQuery } from "../queries.mjs";

/** What the worker is to do. */
export interface StormOrder {
  /** Databases in journal modes delete and wal, and one that another process has locked. */
  files: string[];
  way: "terminate" | "exit" | "throw" | "end";
  /** The first number that it writes. */
  firstId: number;
  /** How long to wait before the end. */
  delayMs: number;
  /** Whether that counts from the moment where everything is in flight, or from the start. */
  isWorking: boolean;
}

/** What it says. */
export interface StormSaying {
  acknowledged?: number[];
  works?: boolean;
  ends?: boolean;
}

const order = workerData as StormOrder;
const stop = new AbortController();
const { signal } = stop;
const ignore = (): void => undefined;
let nextId = order.firstId;

if (!order.isWorking) endSoon();
const { createClient } = await import("latchdb");

const [inDelete, inWal] = order.files
  .slice(0, 2)
  .map((file) => createClient({ url: `file:${file}`, timeout: 60_000 }));
const blocked = createClient({ url: `file:${order.files[2]}`, timeout: 60_000 });
const memory = createClient({ url: ":memory:" });

if (inDelete === undefined || inWal === undefined) throw new Error("no databases");
void write(inDelete).catch(ignore);
void write(inWal).catch(ignore);
void openAndClose().catch(ignore);
void iterate(inDelete).catch(ignore);
void iterate(inWal).catch(ignore);
void insertMany(inWal).catch(ignore);
memory.execute({ sql: endlessQuery, signal }).catch(ignore);
inWal.batch(["select 1", endlessQuery], "read", { signal }).catch(ignore);
blocked.execute({ sql: "insert into t values (1)", signal }).catch(ignore);
blocked.transaction("write", { signal }).catch(ignore);
await memory.execute({ sql: "select 1", signal }).catch(ignore);

async function write(client: LocalClient): Promise<void> {
  while (!signal.aborted) {
    const [one, two, three] = [nextId++, nextId++, nextId++];
    await client.execute({ sql: "insert into t values (?)", args: [one] });
    say({ acknowledged: [one] });
    const transaction = await client.transaction("write");
    await transaction.execute({ sql: "insert into t values (?)", args: [two] });
    await transaction.execute({ sql: "insert into t values (?)", args: [three] });
    await transaction.commit();
    say({ acknowledged: [two, three], works: true });
    if (order.isWorking) endSoon();
  }
}

async function openAndClose(): Promise<void> {
  for (let i = 0; !signal.aborted; i++) {
    const client = createClient({ url: `file:${order.files[1]}` });
    const answer = client.execute("select count(*) from t").catch(ignore);
    if (i % 2 === 0) await answer;
    if (i % 3 === 0) client.close();
    else await client.shutdown({ drain: i % 3 === 1, timeoutMs: 20 });
  }
}

/** Iterators that are read, left in the middle, and left open. */
async function iterate(client: LocalClient): Promise<void> {
  const sql = "select a, b.a from t, t as b";
  const left = client.iterate({ sql, signal });
  await left.next();
  for (let i = 0; !signal.aborted; i++) {
    let rows = 0;
    for await (const _ of client.iterate({ sql, signal }, { chunk: 100 })) {
      if (++rows > i * 50) break;
    }
    await client.transaction(async (transaction) => {
      const inside = transaction.iterate(sql);
      await inside.next();
      await transaction.transaction(async (nested) => void (await nested.iterate(sql).next()));
    });
  }
}

/** Lists of which none stays. */
async function insertMany(client: LocalClient): Promise<void> {
  const statement = client.prepare("insert into t values (?)");
  async function* source(): AsyncGenerator<[number]> {
    for (let i = 1; i <= 3000; i++) yield [-i];
    throw new Error("undone on purpose");
  }
  while (!signal.aborted) await statement.executeMany(source(), { signal }).catch(ignore);
}

function say(saying: StormSaying): void {
  parentPort?.postMessage(saying);
}

/** Ends the worker in the way that it was told, once. */
function endSoon(): void {
  if (order.way === "terminate" || signal.aborted || order.delayMs < 0) return;
  const { delayMs } = order;
  order.delayMs = -1;
  setTimeout(() => {
    say({ ends: true });
    if (order.way === "exit") process.exit(3);
    if (order.way === "throw") throw new Error("thrown on purpose");
    stop.abort();
  }, delayMs);
}
