import test from "ava";
import type { ExecutionContext } from "ava";
import type { LocalClient, Transaction, Value } from "latchdb";
import { openClient, selectValue } from "../support/database.mjs";
import { spin, usualMicroseconds } from "../support/moments.mjs";
import { endlessQuery } from "../support/queries.mjs";

// A PRAGMA that rejects has changed nothing, on no connection of the client. SQLite makes many
// settings when it prepares the statement (https://sqlite.org/pragma.html).

const reason = new Error("changed my mind");

/** A setting, and two values that are not its default. */
const settings: Array<[string, number, number]> = [
  ["foreign_keys", 0, 1],
  ["query_only", 1, 0],
  ["cache_size", -1234, -4321],
  ["synchronous", 1, 0],
  ["recursive_triggers", 1, 0],
  ["cell_size_check", 1, 0],
  ["writable_schema", 1, 0],
  ["journal_size_limit", 40_000, 50_000],
  ["wal_autocheckpoint", 500, 600],
  ["busy_timeout", 123, 456],
];

type Executor = Pick<LocalClient | Transaction, "execute">;

/** The value on the client's own connection, and on one of a transaction. */
async function everywhere(client: LocalClient, name: string): Promise<Array<Value | undefined>> {
  const ask = (executor: Executor): Promise<Value | undefined> =>
    selectValue(executor, `pragma ${name}`);
  const main = await ask(client);
  const transaction = await client.transaction("deferred");
  const inside = await ask(transaction);
  await transaction.rollback();
  return [main, inside];
}

/** An aborted call ends in the signal's reason; anything else is shown. */
function outcomeOf(call: Promise<unknown>): Promise<"resolved" | "rejected" | string> {
  return call.then(
    () => "resolved",
    (error: unknown) => (error === reason ? "rejected" : String(error)),
  );
}

async function assertRejected(t: ExecutionContext, call: Promise<unknown>): Promise<void> {
  t.is(await outcomeOf(call), "rejected");
}

for (const [name, first, second] of settings) {
  test(`${name} is what it was where the PRAGMA was aborted before it began`, async (t) => {
    const client = await openClient(t);
    await client.execute(`pragma ${name} = ${first}`);
    const sql = `pragma ${name} = ${second}`;
    await assertRejected(t, client.execute({ sql, signal: AbortSignal.abort(reason) }));
    t.deepEqual(await everywhere(client, name), [first, first]);

    const controller = new AbortController();
    const blocking = new AbortController();
    const blocked = client.execute({ sql: endlessQuery, signal: blocking.signal });
    const queued = client.execute({ sql, signal: controller.signal });
    controller.abort(reason);
    await assertRejected(t, queued);
    blocking.abort(reason);
    await assertRejected(t, blocked);
    t.deepEqual(await everywhere(client, name), [first, first]);
  });

  for (const way of ["execute", "executeMultiple"] as const) {
    test.serial(
      `${name} is what the calls of ${way} that resolved have set, whenever others were aborted`,
      async (t) => {
        const client = await openClient(t);
        await client.execute("create table t (a)");
        await client.execute(`pragma ${name} = ${first}`);
        let expected = first;
        const usual = await usualMicroseconds(() => client.execute(`pragma ${name} = ${first}`));
        let [resolved, rejected] = [0, 0];
        const wrong: string[] = [];
        for (let i = 0; i < 300; i++) {
          const value = expected === first ? second : first;
          const controller = new AbortController();
          const { signal } = controller;
          // Texts of their own are prepared anew.
          const sql = `pragma ${name} = ${value}${i % 3 === 0 ? ` -- ${i}` : ""}`;
          const set =
            way === "execute"
              ? client.execute({ sql, signal })
              : client.executeMultiple(sql, { signal });
          spin((((i * 7) % 61) / 50) * usual);
          controller.abort(reason);
          const outcome = await outcomeOf(set);
          if (outcome === "resolved") resolved++;
          else rejected++;
          if (outcome === "resolved") expected = value;
          else if (outcome !== "rejected") wrong.push(outcome);
          const now =
            i % 10 === 0
              ? await everywhere(client, name)
              : [await selectValue(client, `pragma ${name}`)];
          if (now.every((each) => each === expected)) continue;
          wrong.push(`${i}, ${outcome}: ${String(now)} where ${expected} was expected`);
          await client.execute(`pragma ${name} = ${expected}`);
        }
        t.deepEqual(wrong, []);
        // How many aborts come in time depends on the machine.
        t.is(resolved + rejected, 300);
        t.log(`${resolved} resolved, ${rejected} rejected`);
      },
    );
  }
}

test("a setting whose answer cannot be given is made everywhere, and the error says so", async (t) => {
  const client = await openClient(t);
  await client.execute("pragma journal_size_limit = 40000");
  // SQLite answers with the value, which `intMode: "number"` refuses.
  const limit = "9007199254740993";
  const error = await t.throwsAsync(client.execute(`pragma journal_size_limit = ${limit}`), {
    instanceOf: RangeError,
  });
  t.like(error, { committed: true });
  const asText = "select cast(journal_size_limit as text) from pragma_journal_size_limit";
  const transaction = await client.transaction();
  t.is(await selectValue(transaction, asText), limit);
  await transaction.rollback();
  t.is(await selectValue(client, asText), limit);
});

test("query_only that the user has set outlasts transactions, batches and migrations of every mode", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  await client.execute("pragma query_only = 1");
  const transaction = await client.transaction("read");
  await t.throwsAsync(transaction.execute("insert into t values (1)"), { code: "SQLITE_READONLY" });
  await transaction.rollback();
  await t.notThrowsAsync(client.batch(["select 1"], "read"));
  await t.throwsAsync(client.batch(["insert into t values (1)"], "read"), {
    code: "SQLITE_READONLY",
  });
  await t.throwsAsync(client.migrate(["insert into t values (1)"]), { code: "SQLITE_READONLY" });
  t.deepEqual(await everywhere(client, "query_only"), [1, 1]);
  await client.execute("pragma query_only = 0");
  t.deepEqual(await everywhere(client, "query_only"), [0, 0]);
  await client.execute("insert into t values (1)");
});

test("a read transaction leaves no connection read-only", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  for (let i = 0; i < 3; i++) {
    const controller = new AbortController();
    const transaction = await client.transaction("read");
    const read = transaction.execute({ sql: endlessQuery, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 5);
    await assertRejected(t, read);
    if (i === 0) await transaction.commit();
    else if (i === 1) await transaction.rollback();
    else transaction.close();
    t.deepEqual(await everywhere(client, "query_only"), [0, 0]);
    const writer = await client.transaction("write");
    await writer.execute("insert into t values (1)");
    await writer.commit();
  }
  t.is(await selectValue(client, "select count(*) from t"), 3);
});
