import { quantile } from "./clock.mjs";
import { fillItems, itemN, SELECT_BY_ID, sumOf } from "./data.mjs";

/** @type {import("./index.mjs").Workload} */
export const openQueryClose = {
  id: "7",
  title: "open, one query, close",
  metrics: { p50: "µs" },
  ratios: ["p50"],
  sizes: { rows: 1_000, times: 40 },
  tiny: { rows: 20, times: 3 },
  rounds: 15,
  warmUp: 2,
  isClosedFirst: true,
  prepare: fillItems,

  async promise({ peer, path, sizes: { times } }) {
    const took = [];
    let sum = 0;
    for (let i = 1; i <= times; i++) {
      const start = performance.now();
      const db = await peer.open(path, []);
      const select = await db.prepare(SELECT_BY_ID);
      sum += db.row(await select.get(i)).n;
      await db.close();
      took.push(performance.now() - start);
    }
    return { values: { p50: quantile(took, 0.5) * 1_000 }, check: { sum } };
  },

  sync({ peer, path, sizes: { times } }) {
    const took = [];
    let sum = 0;
    for (let i = 1; i <= times; i++) {
      const start = performance.now();
      const db = peer.open(path, []);
      sum += db.prepare(SELECT_BY_ID).get(i).n;
      db.close();
      took.push(performance.now() - start);
    }
    return { values: { p50: quantile(took, 0.5) * 1_000 }, check: { sum } };
  },

  expected: ({ times }) => ({ sum: sumOf(times, (i) => itemN(i + 1)) }),
};
