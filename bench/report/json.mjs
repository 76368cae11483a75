/**
 * The whole run, as `--json` writes it.
 *
 * @typedef {object} Section one pass through the workloads
 * @property {"same" | "defaults"} settings
 * @property {"quiet" | "busy"} machine
 * @property {number} load of the machine before it
 * @property {import("../measure.mjs").Measured[]} workloads
 *
 * @typedef {object} Run
 * @property {string} date
 * @property {ReturnType<typeof import("../machine.mjs").describeMachine>} machine
 * @property {{ name: string, version: string, sqlite: string, runtime: string }[]} contenders
 * @property {string} baseline the contender that ratios are to
 * @property {{ name: string, reason: string }[]} leftOut
 * @property {Section[]} sections
 */

/** Without the paths of this machine. @param {Run} run */
export function runJson({ contenders, ...run }) {
  const named = contenders.map(({ name, version, sqlite, runtime }) => ({
    name,
    version,
    sqlite,
    runtime,
  }));
  return `${JSON.stringify({ ...run, contenders: named }, undefined, 2)}\n`;
}

const SETTINGS = { same: "WAL, synchronous NORMAL", defaults: "each package's defaults" };
const MACHINE = { quiet: "no burners", busy: "one burner per core" };

/** The load average tells how quiet the machine was. @param {Section} section */
export function sectionTitle({ settings, machine, load }) {
  return `${SETTINGS[settings]}; ${MACHINE[machine]}, load average ${load} before`;
}

/** One line about the machine and the day. @param {Run} run */
export function runTitle({ date, machine: { processor, cores, memoryGiB, system } }) {
  return `${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}; ${date.slice(0, 10)}`;
}

/** @param {Run["contenders"][number]} contender */
export function contenderTitle({ name, version, sqlite, runtime }) {
  return `${`${name} ${version}`.trim()} (SQLite ${sqlite}, ${runtime})`;
}
