import test from "ava";
import type { ExecutionContext } from "ava";
import { selectValue, temporaryDatabase } from "../support/database.mjs";
import { elapsed } from "../support/elapsed.mjs";
import { longestGap, longestGaps } from "../support/event-loop-gap.mjs";
import { lockElsewhere } from "../support/processes.mjs";
import { countTo, endlessQuery, journalModes, prepare } from "../support/queries.mjs";

// Serial: these tests measure the event loop that they run on.

const GAP_LIMIT_MS = 20;
const ROWS = 50_000;
/**
 * The first runs of much work are compiled and collected for, by threads of the runtime that compete
 * with whatever else the machine does: a short run can be had more often.
 */
const ATTEMPTS_OF_SHORT = 6;

async function assertFree(
  t: ExecutionContext,
  what: string,
  action: () => Promise<unknown>,
  attempts = 3,
): Promise<void> {
  const gaps = await longestGaps(GAP_LIMIT_MS, action, attempts);
  const shown = gaps.map(({ held, clock }) => `${held.toFixed(1)} (${clock.toFixed(1)})`);
  t.log(`${what}: longest gaps ${shown.join(", ")} ms, in brackets by the clock`);
  t.true(Math.min(...gaps.map(({ held }) => held)) < GAP_LIMIT_MS);
}

function after(ms: number, action: () => void): void {
  setTimeout(action, ms);
}

test.serial("a held event loop shows in what these tests measure", async (t) => {
  const busy = await longestGap(async () => {
    await new Promise(setImmediate);
    const until = performance.now() + 200;
    while (performance.now() < until);
  });
  t.true(busy.clock > 195, `${busy.clock} ms`);
  t.true(busy.held > GAP_LIMIT_MS, `${busy.held} ms`);
  const asleep = await longestGap(async () => {
    await new Promise(setImmediate);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  });
  t.true(asleep.held > 100, `${asleep.held} ms`);
});

test.serial("a query of 3 seconds leaves the event loop free", async (t) => {
  t.timeout(60_000);
  const client = (await temporaryDatabase(t)).open();
  await assertFree(t, "a query of 3 s", async () => {
    const controller = new AbortController();
    after(3000, () => controller.abort(new Error("3 seconds are over")));
    const took = await elapsed(() =>
      t.throwsAsync(client.execute({ sql: endlessQuery, signal: controller.signal }), {
        message: "3 seconds are over",
      }),
    );
    t.true(took > 2900, `${took} ms`);
  });
});

test.serial("a query that ends by itself leaves the event loop free", async (t) => {
  const client = (await temporaryDatabase(t)).open();
  await assertFree(t, "a count", async () => {
    t.is(await selectValue(client, countTo(2_000_000)), 2_000_000);
  });
});

for (const mode of journalModes) {
  test.serial(`a wait of 2 seconds for a lock leaves the event loop free (${mode})`, async (t) => {
    t.timeout(60_000);
    const database = await temporaryDatabase(t);
    const client = database.open({ timeout: 10_000 });
    await prepare(client, mode);
    await assertFree(t, "a wait of 2 s", async () => {
      const lock = await lockElsewhere(t, database.file, "write");
      const released = new Promise<void>((resolve) => after(2000, () => resolve(lock.release())));
      const took = await elapsed(() => client.execute("insert into t values (1)"));
      await released;
      t.true(took > 1900, `${took} ms`);
    });
  });

  test.serial(`a batch of 50,000 leaves the event loop free (${mode})`, async (t) => {
    t.timeout(60_000);
    const client = (await temporaryDatabase(t)).open();
    await prepare(client, mode);
    const statements = Array.from({ length: ROWS }, (_, i) => ({
      sql: "insert into t values (?)",
      args: [`row ${i}`],
    }));
    let runs = 0;
    await assertFree(
      t,
      "a batch of 50,000 inserts",
      async () => {
        runs++;
        t.is((await client.batch(statements, "write")).length, ROWS);
      },
      ATTEMPTS_OF_SHORT,
    );
    t.is(await selectValue(client, "select count(*) from t"), runs * ROWS);
  });
}

test.serial("a batch of 50,000 in a transaction leaves the event loop free", async (t) => {
  t.timeout(60_000);
  const client = (await temporaryDatabase(t)).open();
  await prepare(client, "wal");
  const statements = Array.from({ length: ROWS }, (_, i) => ({
    sql: "insert into t values (?)",
    args: [`row ${i}`],
  }));
  await assertFree(
    t,
    "a batch of 50,000 in a transaction",
    async () => {
      const transaction = await client.transaction("write");
      t.is((await transaction.batch(statements)).length, ROWS);
      await transaction.commit();
    },
    ATTEMPTS_OF_SHORT,
  );
});

test.serial("50,000 rows that are read leave the event loop free", async (t) => {
  t.timeout(60_000);
  const client = (await temporaryDatabase(t)).open();
  const sql = `
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${ROWS})
    select i, 'name ' || i as name, i / 7.0 as part from n
  `;
  await assertFree(
    t,
    "50,000 rows",
    async () => {
      t.is((await client.execute(sql)).rows.length, ROWS);
    },
    ATTEMPTS_OF_SHORT,
  );
});

test.serial("a shutdown that drains leaves the event loop free", async (t) => {
  const database = await temporaryDatabase(t);
  await assertFree(t, "a shutdown that drains", async () => {
    const client = database.open();
    const counted = selectValue(client, countTo(2_000_000));
    await client.shutdown({ drain: true });
    t.is(await counted, 2_000_000);
  });
});
