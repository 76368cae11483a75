import { figure } from "./figures.mjs";

/**
 * One workload on the terminal: a line for each contender, a column for each metric.
 *
 * @param {import("../measure.mjs").Measured} measured
 */
export function workloadTable({ id, title, metrics, results, failed }) {
  const header = [
    "",
    ...Object.entries(metrics).flatMap(([metric, unit]) => [`${metric}, ${unit}`, "quartiles", ""]),
  ];
  const lines = results.map(({ contender, values, ratios }) => [
    contender,
    ...Object.keys(metrics).flatMap((metric) => columns(values[metric], ratios[metric])),
  ]);
  const notes = results.flatMap(({ contender, note }) => (note ? [`  ${contender}: ${note}`] : []));
  const failures = failed.map(({ contender, reason }) => `  ${contender} is left out: ${reason}`);
  return [`\n${id}  ${title}`, ...align([header, ...lines]), ...notes, ...failures].join("\n");
}

function columns({ median, q1, q3 }, ratio) {
  return [
    figure(median),
    `${figure(q1)} – ${figure(q3)}`,
    ratio === undefined ? "" : `× ${figure(ratio.median)}`,
  ];
}

/** The first column to the left, the others to the right. */
function align(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ")}`.trimEnd(),
  );
}

/**
 * One section in Markdown, for docs/performance.md: a line for each metric, a column for each
 * contender. A ratio to the baseline is in brackets.
 *
 * @param {import("./json.mjs").Run} run
 * @param {import("./json.mjs").Section} section
 */
export function sectionMarkdown({ contenders, baseline }, { workloads }) {
  const names = contenders.map(({ name }) => name);
  const lines = [
    ["", ...names],
    ["---", ...names.map(() => "--:")],
    ...workloads.flatMap((measured) =>
      Object.entries(measured.metrics).map(([metric, unit]) => [
        `${measured.id} ${metric}, ${unit}`,
        ...names.map((name) => markdownCell(measured, name, metric, name !== baseline)),
      ]),
    ),
  ];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function markdownCell({ results }, name, metric, hasRatio) {
  const result = results.find(({ contender }) => contender === name);
  if (result === undefined) return "–";
  const ratio = result.ratios[metric];
  const value = figure(result.values[metric].median);
  return ratio === undefined || !hasRatio ? value : `${value} (${figure(ratio.median)})`;
}
