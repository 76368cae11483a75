/**
 * Prints the results.
 *
 * @param {object} report
 * @param {number} report.rows
 * @param {Record<string, number>} report.milliseconds
 * @param {number} report.answered
 * @param {number} report.longestWaitMs
 * @param {Error[]} report.failures
 * @param {number} report.longestGapMs
 * @param {string} report.mode
 * @param {string} report.backup
 * @param {string[]} report.handles
 * @param {boolean} report.isSame
 */
export function printReport(report) {
  const { loadMs, replaceMs, closeMs } = report.milliseconds;
  const sameness = report.isSame ? "the same" : "NOT THE SAME";
  const lines = [
    ["load version 1", ms(loadMs)],
    ["replace by version 2", `${ms(replaceMs)}, mode "${report.mode}"`],
    ["close()", ms(closeMs)],
    ["rows", `${report.rows.toLocaleString("en")}, ${sameness} in both versions and in the backup`],
    ["queries answered meanwhile", report.answered.toLocaleString("en")],
    ["the longest wait of one", ms(report.longestWaitMs)],
    ["queries failed", report.failures.length],
    ["longest event-loop gap", ms(report.longestGapMs)],
    ["backup", report.backup],
    ["handles left", report.handles.length],
  ];
  console.log();
  for (const [name, value] of lines) console.log(`${name.padEnd(28)}${value}`);
  for (const handle of report.handles) console.log(`  left: ${handle}`);
  for (const failure of report.failures.slice(0, 5)) console.log("  failed:", failure);
}

function ms(value) {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
