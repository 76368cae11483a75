import { longestGap } from "./clock.mjs";
import { fillItems, idOf, itemN, SELECT_BY_ID, sumOf } from "./data.mjs";

/** @type {import("./index.mjs").Workload} */
export const eventLoopGaps = {
  id: "12",
  title: "gap in 2 s of awaited selects, and in 10,000 unawaited ones",
  metrics: { awaited: "ms", unawaited: "ms" },
  ratios: [],
  sizes: { rows: 20_000, ms: 2_000, calls: 10_000 },
  tiny: { rows: 100, ms: 30, calls: 100 },
  rounds: 3,
  warmUp: 0,
  prepare: fillItems,

  async promise({ db, sizes: { rows, ms, calls } }) {
    const select = await db.prepare(SELECT_BY_ID);
    const awaited = await longestGap(async () => {
      const end = performance.now() + ms;
      for (let i = 0; performance.now() < end; i++) await select.get(idOf(i, rows));
    });
    let sum = 0;
    const overlapping = await db.prepare(SELECT_BY_ID, { overlaps: true });
    const unawaited = await longestGap(async () => {
      const answers = await Promise.all(
        Array.from({ length: calls }, (_, i) => overlapping.get(idOf(i, rows))),
      );
      for (const answer of answers) sum += db.row(answer).n;
    });
    return { values: { awaited, unawaited }, check: { sum } };
  },

  async sync({ db, sizes: { rows, ms, calls } }) {
    const select = db.prepare(SELECT_BY_ID);
    const awaited = await longestGap(() => {
      const end = performance.now() + ms;
      for (let i = 0; performance.now() < end; i++) select.get(idOf(i, rows));
    });
    let sum = 0;
    const unawaited = await longestGap(() => {
      for (let i = 0; i < calls; i++) sum += select.get(idOf(i, rows)).n;
    });
    return { values: { awaited, unawaited }, check: { sum } };
  },

  expected: ({ rows, calls }) => ({ sum: sumOf(calls, (i) => itemN(idOf(i, rows))) }),
};
