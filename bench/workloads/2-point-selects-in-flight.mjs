import { fillItems, idOf, itemN, SELECT_BY_ID, sumOf } from "./data.mjs";

/** @type {import("./index.mjs").Workload} */
export const pointSelectsInFlight = {
  id: "2",
  title: "point selects, 1,000 in flight, each",
  metrics: { mean: "µs" },
  ratios: ["mean"],
  sizes: { rows: 20_000, inFlight: 1_000, turns: 3 },
  tiny: { rows: 100, inFlight: 20, turns: 2 },
  rounds: 21,
  warmUp: 3,
  prepare: fillItems,

  async promise({ db, sizes: { rows, inFlight, turns } }) {
    const select = await db.prepare(SELECT_BY_ID, { overlaps: true });
    let sum = 0;
    const start = performance.now();
    for (let turn = 0; turn < turns; turn++) {
      const calls = [];
      for (let i = 0; i < inFlight; i++) calls.push(select.get(idOf(i, rows)));
      for (const answer of await Promise.all(calls)) sum += db.row(answer).n;
    }
    return result(performance.now() - start, inFlight * turns, sum);
  },

  sync({ db, sizes: { rows, inFlight, turns } }) {
    const select = db.prepare(SELECT_BY_ID);
    let sum = 0;
    const start = performance.now();
    for (let turn = 0; turn < turns; turn++) {
      for (let i = 0; i < inFlight; i++) sum += select.get(idOf(i, rows)).n;
    }
    return result(performance.now() - start, inFlight * turns, sum);
  },

  expected: ({ rows, inFlight, turns }) => ({
    sum: turns * sumOf(inFlight, (i) => itemN(idOf(i, rows))),
  }),
};

function result(ms, calls, sum) {
  return { values: { mean: (ms * 1_000) / calls }, check: { sum } };
}
