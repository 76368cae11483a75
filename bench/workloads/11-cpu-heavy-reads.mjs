import { fillSide, FULL, heavyAnswer, prepareHeavy, TINY } from "./heavy.mjs";

/** @type {import("./index.mjs").Workload} */
export const cpuHeavyReads = {
  id: "11",
  title: "two CPU-heavy reads at once, beside one alone",
  metrics: { factor: "×", alone: "ms" },
  ratios: [],
  sizes: { ...FULL, times: 4 },
  tiny: TINY,
  rounds: 7,
  warmUp: 1,
  prepare: fillSide,

  async promise({ db, sizes: { times } }) {
    const heavy = await prepareHeavy(db);
    const start = performance.now();
    await heavy.get(times);
    const middle = performance.now();
    const answers = await Promise.all([heavy.get(times), heavy.get(times)]);
    return result(start, middle, performance.now(), answers.map(db.row));
  },

  sync({ db, sizes: { times } }) {
    const heavy = prepareHeavy(db);
    const start = performance.now();
    heavy.get(times);
    const middle = performance.now();
    const answers = [heavy.get(times), heavy.get(times)];
    return result(start, middle, performance.now(), answers);
  },

  expected: (sizes) => ({ ...heavyAnswer(sizes), areSame: true }),
};

function result(start, middle, end, [{ count, sum }, second]) {
  const alone = middle - start;
  const areSame = second.count === count && second.sum === sum;
  return { values: { factor: (end - middle) / alone, alone }, check: { count, sum, areSame } };
}
