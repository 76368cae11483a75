import { contenderTitle, runTitle, sectionTitle } from "./json.mjs";

const WIDTH = 900;
const LEFT = 400;
const RIGHT = 24;
const TOP = 68;
const ROW = 30;
const LINE = 15;
const COLOURS = [
  "#d62728",
  "#ff7f0e",
  "#9467bd",
  "#555555",
  "#1f77b4",
  "#17becf",
  "#2ca02c",
  "#bcbd22",
  "#e377c2",
  "#000000",
  "#8c564b",
];
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

/**
 * The ratios of a section to the baseline, on a logarithmic scale: a dot for the median of each
 * contender, a line between its quartiles.
 *
 * @param {import("./json.mjs").Run} run
 * @param {import("./json.mjs").Section} section
 */
export function ratiosSvg(run, section) {
  const rows = rowsOf(section);
  const baseline = run.contenders.find(({ name }) => name === run.baseline);
  const ends = rows.flatMap(({ ratios }) => ratios.flatMap(({ q1, q3 }) => [q1, q3]));
  const [low, high] = [Math.min(0.1, ...ends), Math.max(10, ...ends)].map(Math.log);
  const x = (ratio) =>
    Math.round(LEFT + ((Math.log(ratio) - low) / (high - low)) * (WIDTH - LEFT - RIGHT));
  const bottom = TOP + rows.length * ROW;
  const legend = run.contenders.map((contender, i) => {
    const y = bottom + 44 + i * LINE;
    return `<circle cx="${LEFT}" cy="${y - 4}" r="4" fill="${COLOURS[i % COLOURS.length]}"/>${text(LEFT + 12, y, contenderTitle(contender))}`;
  });
  const height = bottom + 44 + run.contenders.length * LINE + 8;
  const colours = new Map(run.contenders.map(({ name }, i) => [name, COLOURS[i % COLOURS.length]]));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    text(
      16,
      22,
      `Beside ${contenderTitle(baseline)}: 1 is the same, less is better`,
      'font-size="15"',
    ),
    text(16, 40, `${sectionTitle(section)}. Lines: quartiles`, 'fill="#555"'),
    text(16, 56, runTitle(run), 'fill="#555"'),
    ...TICKS.filter((tick) => Math.log(tick) >= low && Math.log(tick) <= high).map((tick) =>
      grid(x(tick), bottom, tick),
    ),
    ...rows.map(({ title, ratios }, i) => row(title, ratios, TOP + i * ROW + ROW / 2, x, colours)),
    ...legend,
    "</svg>\n",
  ].join("\n");
}

/** One for each metric that has ratios. */
function rowsOf({ workloads }) {
  return workloads.flatMap(({ id, title, metrics, results }) => {
    const named = Object.keys(metrics).filter((metric) =>
      results.some(({ ratios }) => metric in ratios),
    );
    return named.map((metric) => ({
      title: `${id} ${title}${Object.keys(metrics).length > 1 ? `: ${metric}` : ""}`,
      ratios: results.flatMap(({ contender, ratios }) =>
        metric in ratios ? [{ contender, ...ratios[metric] }] : [],
      ),
    }));
  });
}

function row(title, ratios, y, x, colours) {
  // Ours last, on top of the others.
  const marks = ratios.toReversed().map(({ contender, median, q1, q3 }) => {
    const colour = colours.get(contender);
    return (
      `<line x1="${x(q1)}" x2="${x(q3)}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="2" opacity="0.4"/>` +
      `<circle cx="${x(median)}" cy="${y}" r="4" fill="${colour}"/>`
    );
  });
  return text(16, y + 4, title) + marks.join("");
}

function grid(x, bottom, tick) {
  const colour = tick === 1 ? "#555" : "#ddd";
  return (
    `<line x1="${x}" x2="${x}" y1="${TOP}" y2="${bottom}" stroke="${colour}"/>` +
    text(x, bottom + 16, tick, 'text-anchor="middle" fill="#555"')
  );
}

function text(x, y, content, attributes = "") {
  const escaped = String(content).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`;
}
