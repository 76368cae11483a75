import { entriesTally, entryArgs, fillsEntries, INSERT_ENTRY } from "./data.mjs";

/** @type {import("./index.mjs").Workload} */
export const longestCommit = {
  id: "14",
  title: "longest of 100,000 small commits, and their mean",
  metrics: { longest: "ms", mean: "µs" },
  ratios: ["mean"],
  sizes: { calls: 100_000 },
  withDefaults: { calls: 2_000 },
  tiny: { calls: 50 },
  rounds: 3,
  warmUp: 0,
  ...fillsEntries,

  async promise({ db, sizes: { calls } }) {
    const insert = await db.prepare(INSERT_ENTRY);
    let longest = 0;
    const begin = performance.now();
    let last = begin;
    for (let i = 0; i < calls; i++) {
      await insert.run(...entryArgs(i));
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }
    return { values: { longest, mean: ((last - begin) * 1_000) / calls } };
  },

  sync({ db, sizes: { calls } }) {
    const insert = db.prepare(INSERT_ENTRY);
    let longest = 0;
    const begin = performance.now();
    let last = begin;
    for (let i = 0; i < calls; i++) {
      insert.run(...entryArgs(i));
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }
    return { values: { longest, mean: ((last - begin) * 1_000) / calls } };
  },

  expected: ({ calls }) => entriesTally(calls),
};
