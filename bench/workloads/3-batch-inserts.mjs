import { entriesTally, entryArgs, fillsEntries, INSERT_ENTRY } from "./data.mjs";

/** @type {import("./index.mjs").Workload} */
export const batchInserts = {
  id: "3",
  title: "100,000 inserts by batch()",
  metrics: { time: "ms" },
  ratios: ["time"],
  sizes: { rows: 100_000 },
  tiny: { rows: 200 },
  rounds: 7,
  warmUp: 1,
  ...fillsEntries,

  async promise({ db, sizes }) {
    const rows = argsOf(sizes);
    const start = performance.now();
    await db.batch(INSERT_ENTRY, rows);
    return { values: { time: performance.now() - start } };
  },

  sync({ db, sizes }) {
    const rows = argsOf(sizes);
    const start = performance.now();
    db.batch(INSERT_ENTRY, rows);
    return { values: { time: performance.now() - start } };
  },

  expected: ({ rows }) => entriesTally(rows),
};

const argsOf = ({ rows }) => Array.from({ length: rows }, (_, i) => entryArgs(i));
