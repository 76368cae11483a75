/** Many functions' transactions at once, some nested, aborted, or thrown out of: each is whole or absent. */
import { setImmediate as nextTurn } from "node:timers/promises";
import test from "ava";
import type { LatchTransaction } from "latchdb";
import { openClient } from "../support/database.mjs";
import { randomNumbers } from "../support/random.mjs";

const SEEDS = [1, 2, 3];
const ROWS = 3;
const undone = new Error("undone");

for (const seed of SEEDS) {
  for (const closes of [false, true]) {
    test(`seed ${seed}, ${closes ? "with the client closed meanwhile" : "to the end"}`, async (t) => {
      const random = randomNumbers(seed);
      const client = await openClient(t, { timeout: 60_000 });
      await client.execute("create table t (unit, n)");
      let units = 0;
      const kept = new Set<number>();

      /** Writes the rows of a unit, with others inside of it. Returns the units that are kept with it. */
      const unit = async (tx: LatchTransaction, depth: number): Promise<number[]> => {
        const id = units++;
        const inner: number[] = [];
        for (let n = 0; n < ROWS; n++) {
          await tx.execute("insert into t values (?, ?)", [id, n]);
          if (random() < 0.3) await nextTurn();
          if (depth < 3 && random() < 0.3) {
            const controller = new AbortController();
            if (random() < 0.2) setImmediate(() => controller.abort(undone));
            const nested = tx.transaction((savepoint) => unit(savepoint, depth + 1), controller);
            const ids = await nested.catch((error: unknown) => {
              if (error === undone) return [];
              throw error;
            });
            inner.push(...ids);
          }
        }
        if (random() < 0.2) throw undone;
        return [id, ...inner];
      };

      const running = Array.from({ length: 40 }, async () => {
        const controller = new AbortController();
        if (random() < 0.1) setImmediate(() => controller.abort(undone));
        try {
          const ids = await client.transaction((tx) => unit(tx, 0), controller);
          for (const id of ids) kept.add(id);
        } catch (error) {
          const isExpected = error === undone || (closes && /closed/.test(String(error)));
          if (!isExpected) throw error;
        }
      });
      if (closes) {
        await Promise.race(running);
        client.close();
      }
      await Promise.all(running);
      t.is(client.stats().transactions.open, 0);
      if (closes) await client.reconnect();
      const { rows } = await client.execute("select unit, count(*) as n from t group by unit");
      t.deepEqual(
        rows.map((row) => [Number(row["unit"]), row["n"]]),
        [...kept].sort((a, b) => a - b).map((id) => [id, ROWS]),
      );
    });
  }
}
