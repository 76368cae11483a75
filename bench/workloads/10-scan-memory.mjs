import { readFileSync } from "node:fs";
import { used, usedOf } from "./5-scan.mjs";
import { fillItems, SELECT_ALL } from "./data.mjs";

/** @type {import("./index.mjs").Workload} */
export const scanMemory = {
  id: "10",
  title: "20 scans of 100,000 rows: peak memory of the process",
  metrics: { peak: "MiB" },
  ratios: ["peak"],
  sizes: { rows: 100_000, scans: 20 },
  tiny: { rows: 200, scans: 2 },
  rounds: 3,
  warmUp: 0,
  isFresh: true,
  prepare: fillItems,

  async promise({ db, sizes: { scans } }) {
    const select = await db.prepare(SELECT_ALL);
    let check;
    for (let i = 0; i < scans; i++) check = used(db.rows(await select.all()));
    return { values: { peak: peakMemory() }, check };
  },

  sync({ db, sizes: { scans } }) {
    const select = db.prepare(SELECT_ALL);
    let check;
    for (let i = 0; i < scans; i++) check = used(select.all());
    return { values: { peak: peakMemory() }, check };
  },

  expected: ({ rows }) => usedOf(rows),
};

/** In MiB. `ru_maxrss` begins with the parent's memory on Linux (getrusage(2)); VmHWM does not. */
function peakMemory() {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS / 1_024;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1_024;
}
