/**
 * Lets JavaScript be behind with reading: the loop is held, or nothing is fetched. Prints what a test looks
 * at, as JSON. The first argument is the scenario, the second a database file.
 */
import { writeSync } from "node:fs";
import { createClient, shutdownAll } from "latchdb";
import type { LocalClient } from "latchdb";

const [scenario = "", file = ""] = process.argv.slice(2);
const MIB = 1024 * 1024;

/** Rows without end, of 100 bytes and more. */
const endlessRows = `
  with recursive n(i) as (select 1 union all select i + 1 from n)
  select i, i / 4.0 as x, 'the name of the row ' || i as name, 'a note on the row ' || i as note from n`;

function open(): LocalClient {
  return createClient({ url: `file:${file}` });
}

/** Holds the event loop, as a long computation does. */
function hold(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

function memory(): number {
  return process.memoryUsage().rss / MIB;
}

function tick(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** How a call has failed. */
async function failureOf(call: Promise<unknown>): Promise<{ message: string; code: unknown }> {
  return call.then(
    () => ({ message: "it did not fail", code: undefined }),
    (error: unknown) => ({
      message: String((error as Error).message),
      code: (error as { code?: unknown }).code,
    }),
  );
}

const scenarios: Record<string, () => Promise<unknown>> = {
  /** The loop is held while a scan without end runs. */
  async held() {
    const client = open();
    await client.execute("select 1");
    const controller = new AbortController();
    const before = memory();
    const call = failureOf(client.execute({ sql: endlessRows, signal: controller.signal }));
    hold(1_500);
    const grown = memory() - before;
    controller.abort(new Error("enough"));
    const failed = await call;
    const grownAfter = memory() - before;
    client.close();
    return { grown, grownAfter, failed };
  },

  /** The same with many calls that have small results. */
  async heldSmall() {
    const client = open();
    await client.execute("select 1");
    const calls = Array.from({ length: 5_000 }, () =>
      client.execute("select zeroblob(60000) as b"),
    );
    const ends = calls.map((call) => failureOf(call));
    await tick(0);
    const before = memory();
    hold(1_000);
    const grown = memory() - before;
    client.close();
    await Promise.all(ends);
    return { grown };
  },

  /** A scan is aborted while some of its rows are made, and more of them wait. */
  async aborted() {
    const client = open();
    const controller = new AbortController();
    const call = failureOf(client.execute({ sql: endlessRows, signal: controller.signal }));
    await tick(30);
    hold(800);
    const began = performance.now();
    controller.abort(new Error("enough"));
    const failed = await call;
    const ms = performance.now() - began;
    const { rows } = await client.execute("select 1 as one");
    client.close();
    return { failed, ms, rows };
  },

  /** A scan is aborted before anything of it is read. Its columns are announced once, for later calls, too. */
  async abortedUnread() {
    const client = open();
    const sql = `${endlessRows} limit ?`;
    const failures = [];
    // A statement is kept from its second run on.
    for (let i = 0; i < 3; i++) {
      const controller = new AbortController();
      const { signal } = controller;
      const call = failureOf(client.execute({ sql, args: [1e9], signal }));
      hold(100);
      controller.abort(new Error("enough"));
      failures.push((await call).message);
    }
    const { rows } = await client.execute({ sql, args: [1] });
    client.close();
    return { failures, rows };
  },

  /** The client is closed while a scan waits for room. */
  async closed() {
    const client = open();
    const call = failureOf(client.execute(endlessRows));
    await tick(30);
    hold(200);
    const began = performance.now();
    client.close();
    const ms = performance.now() - began;
    return { failed: await call, ms };
  },

  /** The same with `shutdown()`, whose draining has to end. */
  async shutDown() {
    const client = open();
    const call = failureOf(client.execute(endlessRows));
    await tick(0);
    const began = performance.now();
    const closing = client.shutdown({ drain: true, timeoutMs: 50 });
    hold(300);
    await closing;
    return { failed: await call, ms: performance.now() - began };
  },

  /** A transaction is closed while a scan of its own waits for room. */
  async transactionClosed() {
    const client = open();
    const transaction = await client.transaction("write");
    await transaction.execute("create table t (a)");
    const call = failureOf(transaction.execute(endlessRows));
    await tick(30);
    hold(200);
    const began = performance.now();
    transaction.close();
    const ms = performance.now() - began;
    await client.execute("create table t (b)");
    const failed = await call;
    client.close();
    return { failed, ms };
  },

  /** Calls of another client, and of a transaction, while a result is not read. */
  async others() {
    const [client, other] = [open(), open()];
    const transaction = await client.transaction("read");
    await other.execute("select 1");
    const controller = new AbortController();
    const { signal } = controller;
    const scan = failureOf(client.execute({ sql: endlessRows, signal }));
    hold(1_500);
    // Their answers come behind what is in the mailbox now.
    const began = performance.now();
    const answers = await Promise.all([
      other.execute("select 2 as n"),
      transaction.execute("select 3 as n"),
    ]);
    const ms = performance.now() - began;
    controller.abort(new Error("enough"));
    const failed = await scan;
    transaction.close();
    for (const one of [client, other]) one.close();
    return { rows: answers.map((answer) => answer.rows), failed, ms };
  },

  /** The process ends while a lane waits for room. */
  async exit() {
    const client = open();
    void failureOf(client.execute(endlessRows));
    hold(300);
    // A pipe may not take more at once: this is written before the process ends.
    writeSync(1, "{}\n");
    process.exit(3);
  },

  /** `shutdownAll()` while a lane waits for room. */
  async shutdownAll() {
    const call = failureOf(open().execute(endlessRows));
    await tick(0);
    hold(300);
    await shutdownAll({ drain: false });
    return { failed: await call };
  },
};

const run = scenarios[scenario];
if (run === undefined) throw new Error(`no scenario ${scenario}`);
console.log(JSON.stringify(await run()));
