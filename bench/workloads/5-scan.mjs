import { longestGap } from "./clock.mjs";
import { fillItems, itemN, SELECT_ALL, sumOf } from "./data.mjs";

/** @type {import("./index.mjs").Workload} */
export const scan = {
  id: "5",
  title: "scan of 100,000 rows of 6 columns to objects",
  metrics: { time: "ms", gap: "ms" },
  ratios: ["time"],
  sizes: { rows: 100_000 },
  tiny: { rows: 200 },
  rounds: 11,
  warmUp: 2,
  prepare: fillItems,

  async promise({ db }) {
    const select = await db.prepare(SELECT_ALL);
    let time = 0;
    let check;
    const gap = await longestGap(async () => {
      const start = performance.now();
      check = used(db.rows(await select.all()));
      time = performance.now() - start;
    });
    return { values: { time, gap }, check };
  },

  async sync({ db }) {
    const select = db.prepare(SELECT_ALL);
    let time = 0;
    let check;
    const gap = await longestGap(() => {
      const start = performance.now();
      check = used(select.all());
      time = performance.now() - start;
    });
    return { values: { time, gap }, check };
  },

  expected: ({ rows }) => usedOf(rows),
};

/** Reads columns of all rows: a peer may make rows when they are used. */
export function used(rows) {
  let sum = 0;
  let letters = 0;
  for (const { n, note } of rows) {
    sum += n;
    letters += note.length;
  }
  return { count: rows.length, sum, letters };
}

/** What {@link used} must answer. @param {number} rows */
export const usedOf = (rows) => ({
  count: rows,
  sum: sumOf(rows, (i) => itemN(i + 1)),
  letters: sumOf(rows, (i) => `the note of row ${i + 1}`.length),
});
