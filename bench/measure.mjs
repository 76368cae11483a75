import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { ratio, shuffled, spread } from "./statistics.mjs";
import { WorkerProcess } from "./worker-process.mjs";

/**
 * @typedef {import("./contenders.mjs").Contender} Contender
 * @typedef {import("./workloads/index.mjs").Workload} Workload
 *
 * @typedef {object} Result of one contender
 * @property {string} contender
 * @property {Record<string, import("./statistics.mjs").Spread & { rounds: number[] }>} values
 * @property {Record<string, import("./statistics.mjs").Spread>} ratios to the baseline
 * @property {string} [note]
 *
 * @typedef {object} Measured
 * @property {string} id
 * @property {string} title
 * @property {Record<string, string>} metrics their units
 * @property {Result[]} results
 * @property {{ contender: string, reason: string }[]} failed wrong answers and errors
 */

/**
 * Measures one workload: a warm process for each contender, and rounds in which each has a turn, in an
 * order that is another one each time.
 *
 * @param {Workload} workload
 * @param {Contender[]} contenders
 * @param {object} options
 * @param {"same" | "defaults"} options.settings
 * @param {boolean} options.isTiny
 * @param {string} options.baseline the contender that ratios are to
 * @param {number} [options.rounds] at most
 * @param {string} options.directory for the databases; is created
 * @param {(contender: string, share: number) => void} options.onProgress before each step
 * @returns {Promise<Measured>}
 */
export async function measure(workload, contenders, options) {
  const seats = contenders.map((contender) => new Seat(workload, contender, options));
  const rounds = Math.min(workload.rounds, options.rounds ?? Infinity);
  const all = seats.length * (1 + workload.warmUp + rounds);
  let done = 0;
  const each = async (order, action) => {
    for (const seat of order) {
      options.onProgress(seat.contender.name, done++ / all);
      await seat.attempt(action);
    }
  };
  try {
    await mkdir(options.directory, { recursive: true });
    await each(seats, (seat) => seat.open());
    for (let round = -workload.warmUp; round < rounds; round++) {
      await each(shuffled(seats), (seat) => seat.round(round >= 0));
    }
  } finally {
    await Promise.all(seats.map((seat) => seat.leave()));
  }
  const baseline = seats.find((seat) => seat.contender.name === options.baseline && seat.isGood);
  return {
    id: workload.id,
    title: workload.title,
    metrics: workload.metrics,
    results: seats.filter((seat) => seat.isGood).map((seat) => seat.result(baseline)),
    failed: seats.flatMap(({ contender, failure }) =>
      failure === undefined ? [] : [{ contender: contender.name, reason: failure }],
    ),
  };
}

/** One contender in one workload. */
class Seat {
  contender;
  /** @type {string | undefined} why it is out */
  failure;
  #isApplicable = true;
  #workload;
  #opening;
  #expected;
  /** @type {WorkerProcess | undefined} */
  #worker;
  #values = [];
  #note;

  constructor(workload, contender, { settings, isTiny, directory }) {
    const sizes = isTiny
      ? workload.tiny
      : { ...workload.sizes, ...(settings === "defaults" ? workload.withDefaults : {}) };
    this.contender = contender;
    this.#workload = workload;
    this.#expected = workload.expected(sizes);
    this.#opening = {
      do: "open",
      workload: workload.id,
      path: join(directory, `${contender.name.replace(/\W+/g, "-")}.db`),
      pragmas: settings === "same" ? pragmasOf(workload) : [],
      sizes,
    };
  }

  get isGood() {
    return this.#isApplicable && this.failure === undefined;
  }

  /** Does nothing where the contender is out. An error puts it out. */
  async attempt(action) {
    if (!this.isGood) return;
    try {
      await action(this);
    } catch (error) {
      this.failure = error.message;
      this.#worker?.kill();
    }
  }

  /** Fills the database. */
  async open() {
    const { isApplicable = true } = await this.#start({ isFilled: false });
    this.#isApplicable = isApplicable;
    if (this.#workload.isFresh) await this.leave();
  }

  /** @param {boolean} counts false in a round that warms up */
  async round(counts) {
    if (this.#workload.isFresh) await this.#start({ isFilled: true });
    const { values, check, note } = await this.#worker.ask({ do: "round" });
    if (!isDeepStrictEqual(check, this.#expected)) {
      throw new Error(
        `wrong answers: ${JSON.stringify(check)}, not ${JSON.stringify(this.#expected)}`,
      );
    }
    if (counts) this.#values.push(values);
    this.#note ??= note;
    if (this.#workload.isFresh) await this.leave();
  }

  async leave() {
    await this.#worker?.end();
    this.#worker = undefined;
  }

  /** @param {Seat | undefined} baseline @returns {Result} */
  result(baseline) {
    const values = {};
    const ratios = {};
    for (const metric of Object.keys(this.#workload.metrics)) {
      const rounds = this.#of(metric);
      values[metric] = { ...spread(rounds), rounds };
      if (baseline === undefined || !this.#workload.ratios.includes(metric)) continue;
      ratios[metric] = ratio(rounds, baseline.#of(metric));
    }
    return { contender: this.contender.name, values, ratios, note: this.#note };
  }

  #of(metric) {
    return this.#values.map((values) => values[metric]);
  }

  #start(filling) {
    this.#worker = new WorkerProcess(this.contender.command);
    return this.#worker.ask({ ...this.#opening, ...filling });
  }
}

function pragmasOf({ synchronous = "NORMAL" }) {
  return ["PRAGMA journal_mode = WAL", `PRAGMA synchronous = ${synchronous}`];
}
