/** Cells whose values are converted, by the declared types of their columns. */
import type { Value } from "@libsql/core/api";
import type { Cells } from "./row-layout";

/** Makes a value of a column. Is not asked for NULL. */
export type Converter = (value: Value) => unknown;

/** Knows the converters of columns. */
export interface ConvertersOf {
  /** The converters of columns with these declared types; undefined if none has one. */
  of(declaredTypes: readonly string[]): (Converter | undefined)[] | undefined;
}

/** Cells whose values are converted. */
export class ConvertedCells implements Cells {
  readonly #cells: Cells;
  readonly #converters: readonly (Converter | undefined)[];
  #column = 0;

  constructor(cells: Cells, converters: readonly (Converter | undefined)[]) {
    this.#cells = cells;
    this.#converters = converters;
  }

  cell(): Value {
    const value = this.#cells.cell();
    const convert = this.#converters[this.#column];
    this.#column = (this.#column + 1) % this.#converters.length;
    return convert === undefined || value === null ? value : (convert(value) as Value);
  }
}
