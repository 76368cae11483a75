/** `limits`: SQLite's limits, on every connection. */
import test from "ava";
import { createClient } from "latchdb";
import type { Limits } from "latchdb";
import { openClient, selectValue, temporaryDatabase } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

const cases: [limits: Limits, within: string, beyond: string, code?: string][] = [
  [{ length: 1000 }, "select length(zeroblob(900))", "select zeroblob(1001)", "SQLITE_TOOBIG"],
  [{ sqlLength: 100 }, "select 1", `select ${"1 + ".repeat(100)} 1`, "SQLITE_TOOBIG"],
  [{ column: 40 }, "select 1, 2", `select ${"1, ".repeat(41)} 1`],
  [{ exprDepth: 20 }, "select 1 + 1", `select ${"1 + ".repeat(21)} 1`],
  [{ compoundSelect: 2 }, "select 1 union select 2", "select 1 union select 2 union select 3"],
  [{ vdbeOp: 2_000 }, "select 1", `select ${"typeof(random()), ".repeat(1_000)} 1`, "SQLITE_NOMEM"],
  [{ functionArg: 3 }, "select max(1, 2, 3)", "select max(1, 2, 3, 4)"],
  [{ attach: 0 }, "select 1", "attach ':memory:' as other"],
  [{ likePatternLength: 5 }, "select 'a' like 'abcde'", "select 'a' like 'abcdef'"],
  [{ variableNumber: 3 }, "select ?3", "select ?4"],
];

for (const [limits, within, beyond, code = "SQLITE_ERROR"] of cases) {
  const [name] = Object.keys(limits);
  test(`${name}: calls, transactions, readers, and after a reconnect`, async (t) => {
    const client = await openClient(t, { limits });
    for (let round = 0; round < 2; round++) {
      for (let run = 0; run < 4; run++) {
        await t.notThrowsAsync(client.execute(within));
        await t.throwsAsync(client.execute(beyond), { code });
      }
      await client.transaction(async (tx) => {
        await t.notThrowsAsync(tx.execute(within));
        await t.throwsAsync(tx.execute(beyond), { code });
      });
      await t.throwsAsync(client.iterate(beyond).next(), { code });
      await client.reconnect();
    }
  });
}

test("a trigger that fires a trigger", async (t) => {
  const { open } = await temporaryDatabase(t);
  const client = open();
  await client.executeMultiple(
    "create table a (n); create table b (n); create table c (n);" +
      "create trigger ab after insert on a begin insert into b values (new.n); end;" +
      "create trigger bc after insert on b begin insert into c values (new.n); end",
  );
  await client.execute("insert into a values (1)");
  await t.throwsAsync(open({ limits: { triggerDepth: 1 } }).execute("insert into a values (2)"), {
    code: "SQLITE_ERROR",
    message: /triggers nested too deep/,
  });
});

test("a limit below that of calls in place holds for them", async (t) => {
  const client = await openClient(t, { limits: { length: 1_000 } });
  const sql = "select upper(?)";
  for (let run = 0; run < 10; run++) {
    t.is(await selectValue(client, { sql, args: ["x"] }), "X");
    await t.throwsAsync(client.execute({ sql, args: ["x".repeat(1_001)] }), {
      code: "SQLITE_TOOBIG",
    });
  }
  t.true(client.stats().calls.inPlace > 0);
});

test("Infinity is SQLite's own limit, and names and numbers are checked", async (t) => {
  const client = await openClient(t, { limits: { length: Infinity, column: Infinity } });
  t.is(await selectValue(client, "select length(zeroblob(100000))"), 100_000);
  const refused =
    (limits: unknown): (() => void) =>
    () =>
      createClient({ url: ":memory:", limits: unchecked<Limits>(limits) }).close();
  t.throws(refused({ lenght: 1 }), {
    instanceOf: TypeError,
    message: /^limits has no "lenght": it has length, /,
  });
  t.throws(refused({ length: "1" }), {
    instanceOf: TypeError,
    message: /^limits\.length must be a number, got /,
  });
  t.throws(refused(5), { instanceOf: TypeError, message: /^limits must be an object/ });
  for (const value of [-1, 1.5, NaN]) {
    t.throws(refused({ length: value }), {
      instanceOf: RangeError,
      message: /^limits\.length must be a whole number/,
    });
  }
  t.notThrows(refused(null));
  t.notThrows(refused({ length: undefined }));
});
