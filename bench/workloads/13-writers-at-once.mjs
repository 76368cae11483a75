import { entriesTally, entryArgs, fillsEntries, INSERT_ENTRY } from "./data.mjs";

/** @type {import("./index.mjs").Workload} */
export const writersAtOnce = {
  id: "13",
  title: "16 writers at once, synchronous FULL, each write",
  metrics: { mean: "µs" },
  ratios: ["mean"],
  sizes: { writers: 16, calls: 20 },
  tiny: { writers: 4, calls: 4 },
  rounds: 15,
  warmUp: 2,
  synchronous: "FULL",
  ...fillsEntries,

  async promise({ db, sizes: { writers, calls } }) {
    const insert = await db.prepare(INSERT_ENTRY, { overlaps: true });
    let next = 0;
    const writer = async () => {
      for (let i = 0; i < calls; i++) await insert.run(...entryArgs(next++));
    };
    const start = performance.now();
    await Promise.all(Array.from({ length: writers }, writer));
    return result(performance.now() - start, next);
  },

  sync({ db, sizes: { writers, calls } }) {
    const insert = db.prepare(INSERT_ENTRY);
    const start = performance.now();
    for (let i = 0; i < writers * calls; i++) insert.run(...entryArgs(i));
    return result(performance.now() - start, writers * calls);
  },

  expected: ({ writers, calls }) => entriesTally(writers * calls),
};

const result = (ms, writes) => ({ values: { mean: (ms * 1_000) / writes } });
