/** Rows as a table of aligned columns, or one value a line where a terminal is too narrow. */
import type { StatementResult } from "../sql/session";
import type { Value } from "../../../types/core.js";
import { cellText } from "./text";

/** What is shown of a result. */
type Rows = Pick<StatementResult, "columns" | "rows">;

/** The width of a text on a terminal, in columns. */
export type Measure = (text: string) => number;

/** A value as it is shown. */
interface Cell {
  value: Value;
  text: string;
  width: number;
}

/** Where a table goes. */
export interface Paper {
  measure: Measure;
  /** The columns of the terminal; Infinity where there is none. */
  width: number;
  /** Whether NULL is set off from the text of that name. */
  dimsNull: boolean;
}

const GAP = "  ";
/** A column is not made narrower than this. */
const NARROWEST = 8;

const segmenter = new Intl.Segmenter();

/** The lines of a table. */
export function* tableLines({ columns, rows }: Rows, paper: Paper): Generator<string> {
  const most = paper.width === Infinity ? Infinity : paper.width * 8;
  const { measure } = paper;
  const cell = (value: Value): Cell => {
    const text = cellText(value, most);
    return { value, text, width: measure(text) };
  };
  const header = columns.map(cell);
  const lines = rows.map((row) => columns.map((_, at) => cell(row[at] ?? null)));
  const widths = fit(header, lines, paper.width);
  if (widths === undefined) {
    yield* recordLines({ columns, rows }, paper);
    return;
  }
  const line = (cells: Cell[]): string =>
    cells
      .map((own, at) => padded(own, widths[at] ?? 0, paper))
      .join(GAP)
      .trimEnd();
  yield line(header);
  yield widths.map((width) => "─".repeat(width)).join(GAP);
  for (const cells of lines) yield line(cells);
}

/** Each value on a line of its own, after the name of its column. */
export function* recordLines({ columns, rows }: Rows, paper: Paper): Generator<string> {
  const names = columns.map((name) => cellText(name, Infinity));
  const width = Math.max(0, ...names.map((name) => paper.measure(name)));
  for (const [number, row] of rows.entries()) {
    if (number > 0) yield "";
    for (const [at, name] of names.entries()) {
      const value = row[at] ?? null;
      const text = cellText(value, Infinity);
      const blank = " ".repeat(width - paper.measure(name));
      yield `${blank}${name} = ${value === null ? dim(text, paper) : text}`;
    }
  }
}

/** The widths of columns that fit into a line: the widest give way. Undefined where none do. */
function fit(header: Cell[], lines: Cell[][], width: number): number[] | undefined {
  const natural = header.map((cell) => cell.width);
  // Numbers are not cut: a part of one is another number.
  const least = header.map(() => NARROWEST);
  for (const cells of lines) {
    for (const [at, cell] of cells.entries()) {
      natural[at] = Math.max(natural[at] ?? 0, cell.width);
      if (isNumber(cell.value)) least[at] = Math.max(least[at] ?? 0, cell.width);
    }
  }
  const room = width - GAP.length * (natural.length - 1);
  const widths = (most: number): number[] =>
    natural.map((own, at) => Math.min(own, Math.max(most, least[at] ?? 0)));
  const fits = (most: number): boolean =>
    widths(most).reduce((total, own) => total + own, 0) <= room;
  if (fits(Infinity)) return natural;
  let most = width;
  while (most >= NARROWEST && !fits(most)) most -= 1;
  return most < NARROWEST ? undefined : widths(most);
}

/** A cell as wide as its column: numbers end at its right edge. */
function padded({ value, text, width }: Cell, column: number, paper: Paper): string {
  if (isNumber(value)) return text.padStart(text.length + column - width);
  const cut = width > column ? cutTo(text, column, paper.measure) : text;
  const blank = " ".repeat(column - (width > column ? paper.measure(cut) : width));
  return (value === null ? dim(cut, paper) : cut) + blank;
}

function isNumber(value: Value): boolean {
  return typeof value === "bigint" || typeof value === "number";
}

/** The beginning of a text that is wider than some columns, with an ellipsis. */
function cutTo(text: string, width: number, measure: Measure): string {
  let cut = "";
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    const own = measure(segment);
    if (used + own > width - 1) break;
    cut += segment;
    used += own;
  }
  return `${cut}…`;
}

function dim(text: string, { dimsNull }: Paper): string {
  return dimsNull ? `\x1b[2m${text}\x1b[22m` : text;
}
