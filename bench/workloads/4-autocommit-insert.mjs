import { CallClock } from "./clock.mjs";
import { entriesTally, entryArgs, fillsEntries, INSERT_ENTRY } from "./data.mjs";

/** @type {import("./index.mjs").Workload} */
export const autocommitInsert = {
  id: "4",
  title: "autocommit insert, awaited one by one",
  metrics: { p50: "µs" },
  ratios: ["p50"],
  sizes: { calls: 500 },
  withDefaults: { calls: 200 },
  tiny: { calls: 40 },
  rounds: 21,
  warmUp: 3,
  ...fillsEntries,

  async promise({ db, sizes: { calls } }) {
    const insert = await db.prepare(INSERT_ENTRY);
    const clock = new CallClock();
    for (let i = 0; i < calls; i++) {
      await insert.run(...entryArgs(i));
      clock.tick();
    }
    return { values: { p50: clock.median() } };
  },

  sync({ db, sizes: { calls } }) {
    const insert = db.prepare(INSERT_ENTRY);
    const clock = new CallClock();
    for (let i = 0; i < calls; i++) {
      insert.run(...entryArgs(i));
      clock.tick();
    }
    return { values: { p50: clock.median() } };
  },

  expected: ({ calls }) => entriesTally(calls),
};
