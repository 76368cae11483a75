/**
 * Calls that wait for the next turn of the event loop, because those before them have taken the time of this
 * one. What is made meanwhile has the same effect as if they had run at once.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import type { LocalClient } from "latchdb";
import { createClient } from "latchdb";
import { temporaryDatabase } from "../support/database.mjs";
import { internalPath } from "../support/internals.mjs";

const SELECT = "select a from t where id = 1";

async function open(t: ExecutionContext, url: string): Promise<LocalClient> {
  const client = createClient({ url }) as LocalClient;
  t.teardown(() => client.close());
  await client.executeMultiple(`
    pragma journal_mode = wal;
    create table t (id integer primary key, a);
    insert into t (id, a) values (1, 1);
  `);
  for (let i = 0; i < 3; i++) await client.execute(SELECT);
  return client;
}

/** Takes the time of this turn of the event loop, so that further calls in place wait for the next one. */
async function takeTurn(client: LocalClient): Promise<void> {
  const calls = [client.execute(SELECT)];
  const began = performance.now();
  while (performance.now() - began < 10);
  // The clock is looked at every eighth call.
  for (let i = 0; i < 8; i++) calls.push(client.execute(SELECT));
  await calls[0];
  Promise.allSettled(calls).catch(() => undefined);
}

test.serial("a commit waits behind calls of its transaction, and holds nobody up", async (t) => {
  const client = await open(t, ":memory:");
  const transaction = await client.transaction("write");
  const calls: Array<Promise<unknown>> = [];
  await takeTurn(transaction as unknown as LocalClient);
  calls.push(transaction.execute("update t set a = 2 where id = 1"), transaction.commit());
  const { rows } = await client.execute(SELECT);
  t.is(rows[0]?.["a"], 2);
  await Promise.all(calls);
});

for (const end of ["commit", "rollback"] as const) {
  test.serial(`close() after ${end}(), neither awaited`, async (t) => {
    const { url } = await temporaryDatabase(t);
    const client = await open(t, url);
    const transaction = await client.transaction("write");
    for (let i = 0; i < 3; i++) await transaction.execute(SELECT);
    await takeTurn(transaction as unknown as LocalClient);
    const write = transaction.execute("update t set a = 2 where id = 1");
    const ended = transaction[end]();
    transaction.close();
    await Promise.all([write, ended]);
    t.is((await client.execute(SELECT)).rows[0]?.["a"], end === "commit" ? 2 : 1);
  });
}

test("a defect of one client does not stop the others that wait for a turn", async (t) => {
  const program = `
    process.once("uncaughtException", (error) => console.log(error.message));
    const { inNextTurn } = require(${JSON.stringify(internalPath("local/native/turn"))});
    inNextTurn(() => { throw new Error("a defect"); });
    inNextTurn(() => console.log("the next one"));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", program]);
  t.deepEqual(stdout.trim().split("\n"), ["a defect", "the next one"]);
});
