import { CallClock } from "./clock.mjs";
import { fillItems, idOf, itemN, SELECT_BY_ID, sumOf } from "./data.mjs";

/** @type {import("./index.mjs").Workload} */
export const pointSelect = {
  id: "1",
  title: "point select, awaited one by one",
  metrics: { p50: "µs" },
  ratios: ["p50"],
  sizes: { rows: 20_000, calls: 2_000 },
  tiny: { rows: 100, calls: 40 },
  rounds: 21,
  warmUp: 3,
  prepare: fillItems,

  async promise({ db, sizes: { rows, calls } }) {
    const select = await db.prepare(SELECT_BY_ID);
    let sum = 0;
    const clock = new CallClock();
    for (let i = 0; i < calls; i++) {
      sum += db.row(await select.get(idOf(i, rows))).n;
      clock.tick();
    }
    return { values: { p50: clock.median() }, check: { sum } };
  },

  sync({ db, sizes: { rows, calls } }) {
    const select = db.prepare(SELECT_BY_ID);
    let sum = 0;
    const clock = new CallClock();
    for (let i = 0; i < calls; i++) {
      sum += select.get(idOf(i, rows)).n;
      clock.tick();
    }
    return { values: { p50: clock.median() }, check: { sum } };
  },

  expected: ({ rows, calls }) => ({ sum: sumOf(calls, (i) => itemN(idOf(i, rows))) }),
};
