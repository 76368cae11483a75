import { CallClock } from "./clock.mjs";
import { entriesTally, entryArgs, fillsEntries, INSERT_ENTRY } from "./data.mjs";

/** @type {import("./index.mjs").Workload} */
export const transactionInsert = {
  id: "4b",
  title: "insert in an interactive transaction, awaited",
  metrics: { p50: "µs" },
  ratios: ["p50"],
  sizes: { calls: 2_000 },
  tiny: { calls: 40 },
  rounds: 21,
  warmUp: 3,
  ...fillsEntries,

  async promise({ db, sizes: { calls } }) {
    let p50 = 0;
    await db.transaction(async (prepare) => {
      const insert = await prepare(INSERT_ENTRY);
      const clock = new CallClock();
      for (let i = 0; i < calls; i++) {
        await insert.run(...entryArgs(i));
        clock.tick();
      }
      p50 = clock.median();
    });
    return { values: { p50 } };
  },

  sync({ db, sizes: { calls } }) {
    let p50 = 0;
    db.transaction((prepare) => {
      const insert = prepare(INSERT_ENTRY);
      const clock = new CallClock();
      for (let i = 0; i < calls; i++) {
        insert.run(...entryArgs(i));
        clock.tick();
      }
      p50 = clock.median();
    });
    return { values: { p50 } };
  },

  expected: ({ calls }) => entriesTally(calls),
};
