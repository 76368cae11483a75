import { quantile } from "./clock.mjs";
import {
  createEntries,
  emptyEntries,
  entriesTally,
  entryArgs,
  fillItems,
  idOf,
  INSERT_ENTRY,
  itemN,
  SELECT_BY_ID,
  tallyEntries,
} from "./data.mjs";

/** Every tenth call writes. */
const isWrite = (i) => i % 10 === 9;

/** @type {import("./index.mjs").Workload} */
export const mixedCallers = {
  id: "8",
  title: "90 % reads, 10 % writes, 16 callers, each call",
  metrics: { mean: "µs", p99: "ms" },
  ratios: ["mean"],
  sizes: { rows: 20_000, callers: 16, calls: 100 },
  withDefaults: { calls: 30 },
  tiny: { rows: 100, callers: 4, calls: 20 },
  rounds: 21,
  warmUp: 3,

  async prepare(place) {
    await fillItems(place);
    await createEntries(place);
  },
  before: emptyEntries,

  async promise({ db, sizes: { rows, callers, calls } }) {
    const [select, insert] = [
      await db.prepare(SELECT_BY_ID, { overlaps: true }),
      await db.prepare(INSERT_ENTRY, { overlaps: true }),
    ];
    const latencies = [];
    let sum = 0;
    let written = 0;
    const call = async (i) => {
      const start = performance.now();
      if (isWrite(i)) {
        await insert.run(...entryArgs(written++));
      } else {
        const row = db.row(await select.get(idOf(i, rows)));
        sum += row.n;
      }
      latencies.push(performance.now() - start);
    };
    const caller = async () => {
      for (let i = 0; i < calls; i++) await call(i);
    };
    const start = performance.now();
    await Promise.all(Array.from({ length: callers }, caller));
    return result(performance.now() - start, latencies, sum);
  },

  /** A sync call ends before the next one begins: the callers take turns. */
  sync({ db, sizes: { rows, callers, calls } }) {
    const [select, insert] = [db.prepare(SELECT_BY_ID), db.prepare(INSERT_ENTRY)];
    const latencies = [];
    let sum = 0;
    let written = 0;
    const begin = performance.now();
    for (let i = 0; i < calls; i++) {
      for (let caller = 0; caller < callers; caller++) {
        const start = performance.now();
        if (isWrite(i)) insert.run(...entryArgs(written++));
        else sum += select.get(idOf(i, rows)).n;
        latencies.push(performance.now() - start);
      }
    }
    return result(performance.now() - begin, latencies, sum);
  },

  after: tallyEntries,
  expected({ rows, callers, calls }) {
    let reads = 0;
    for (let i = 0; i < calls; i++) if (!isWrite(i)) reads += itemN(idOf(i, rows));
    return { ...entriesTally((callers * calls) / 10), reads: reads * callers };
  },
};

function result(ms, latencies, reads) {
  const mean = (ms * 1_000) / latencies.length;
  return { values: { mean, p99: quantile(latencies, 0.99) }, check: { reads } };
}
