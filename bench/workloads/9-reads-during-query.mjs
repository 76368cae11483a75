import { longestGap, quantile, readEachMs } from "./clock.mjs";
import { fillItems, itemN, SELECT_BY_ID } from "./data.mjs";
import { fillSide, FULL, heavyAnswer, prepareHeavy, TINY } from "./heavy.mjs";

/** @type {import("./index.mjs").Workload} */
export const readsDuringQuery = {
  id: "9",
  title: "small reads, one each ms, during a query of 3 s",
  metrics: { gap: "ms", p99: "ms", query: "ms" },
  ratios: ["query"],
  sizes: { ...FULL, times: 40, rows: 1_000 },
  tiny: { ...TINY, rows: 20 },
  rounds: 3,
  warmUp: 0,

  async prepare(place) {
    await fillItems(place);
    await fillSide(place);
  },

  promise: round,
  sync: round,
  expected: (sizes) => ({ ...heavyAnswer(sizes), isRight: true }),
};

/** A sync peer's query holds the event loop: the read that is due meanwhile comes after it. */
async function round({ db, sizes }) {
  const [heavy, select] = [await prepareHeavy(db), await db.prepare(SELECT_BY_ID)];
  let isRight = true;
  const read = async () => {
    isRight &&= db.row(await select.get(7)).n === itemN(7);
  };
  let isRunning = true;
  let query = 0;
  let answer;
  let latencies = [];
  const gap = await longestGap(async () => {
    const reads = readEachMs(read, () => isRunning);
    const start = performance.now();
    answer = db.row(await heavy.get(sizes.times));
    query = performance.now() - start;
    isRunning = false;
    latencies = await reads;
  });
  const { count, sum } = answer;
  return { values: { gap, p99: quantile(latencies, 0.99), query }, check: { count, sum, isRight } };
}
