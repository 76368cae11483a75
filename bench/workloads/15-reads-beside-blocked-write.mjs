import { quantile, readEachMs } from "./clock.mjs";
import {
  createEntries,
  emptyEntries,
  entryArgs,
  fillItems,
  INSERT_ENTRY,
  itemN,
  SELECT_BY_ID,
} from "./data.mjs";

/**
 * For the peers in which a transaction is beside the calls of its client. With the others a call
 * outside of the transaction is a call inside, or waits in the thread that is to commit.
 *
 * @type {import("./index.mjs").Workload}
 */
export const readsBesideBlockedWrite = {
  id: "15",
  title: "reads while an idle transaction blocks a write, for 1 s",
  metrics: { p99: "ms", longest: "ms" },
  ratios: [],
  sizes: { rows: 1_000, ms: 1_000 },
  tiny: { rows: 20, ms: 30 },
  rounds: 3,
  warmUp: 0,
  needs: "hold",

  async prepare(place) {
    await fillItems(place);
    await createEntries(place);
  },
  before: emptyEntries,

  async promise({ db, sizes: { ms } }) {
    const [insert, select] = [await db.prepare(INSERT_ENTRY), await db.prepare(SELECT_BY_ID)];
    let isRight = true;
    const read = async () => {
      isRight &&= db.row(await select.get(7)).n === itemN(7);
    };
    const commit = await db.hold("INSERT INTO entry (name, n) VALUES ('held', 1)");
    const write = insert.run(...entryArgs(1)).then(
      () => undefined,
      (error) => `its write failed: ${error.code}`,
    );
    const committed = new Promise((resolve, reject) => {
      setTimeout(() => commit().then(resolve, reject), ms);
    });
    const end = performance.now() + ms;
    const latencies = await readEachMs(read, () => performance.now() < end);
    await committed;
    const note = await write;
    const values = { p99: quantile(latencies, 0.99), longest: Math.max(...latencies) };
    return { values, check: { isRight }, note };
  },

  expected: () => ({ isRight: true }),
};
