/** Makes the rows of results, and keeps what that needs for the next result with the same columns. */
import type { Row } from "@libsql/core/api";
import type { RowMode } from "../../../index.js";
import { indexedRows } from "./indexed-rows";
import { objectRows } from "./object-rows";
import type { Cells, MakeRows, RowLayout } from "./row-layout";

/** The columns of a result, and the reader of its rows. */
export interface Shape {
  readonly names: readonly string[];
  readonly declaredTypes: readonly string[];
  /** Reads `count` rows and appends them to `rows`. */
  readRows(count: number, cells: Cells, rows: Row[]): void;
}

/** The number of rows after which code is compiled for them, which takes 50 µs. */
const ROWS_BEFORE_CODE = 100;
/** The most bytes of the makers that are kept for reuse by statements with the same columns. */
const KEPT_BYTES = 8 * 1024 * 1024;
/** A maker with more bytes is made anew for each use, and compiles no code. */
const LONGEST_BYTES = KEPT_BYTES / 4;
/** What a column takes, in bytes (measured on Node 20): its getter, its code, its entries in lists. */
const BYTES_PER_COLUMN = 700;
/** How often a maker has the characters of a name: in lists, in the code, in its own key. */
const COPIES_OF_NAME = 6;

/** Makes the rows with certain column names, for all statements that have these. */
class RowMaker {
  readonly #layout: RowLayout;
  #rowsRead = 0;
  #compiled: MakeRows | undefined;

  constructor(layout: RowLayout) {
    this.#layout = layout;
  }

  read(cells: Cells, count: number, rows: Row[]): void {
    if (this.#compiled !== undefined) return this.#compiled(cells, count, rows);
    this.#rowsRead += count;
    if (this.#rowsRead > ROWS_BEFORE_CODE) {
      this.#compiled = this.#layout.compile() ?? this.#layout.makeRows;
      return this.#compiled(cells, count, rows);
    }
    this.#layout.makeRows(cells, count, rows);
  }
}

/** The makers that are kept, the oldest first. Nothing else refers to a maker. */
const makers = new Map<string, { maker: RowMaker; bytes: number }>();
let keptBytes = 0;

/** Forgets all makers. They are made anew when they are needed. */
export function forgetRowMakers(): void {
  makers.clear();
  keptBytes = 0;
}

/** The shape of results with these columns. */
export function shapeOf(names: string[], declaredTypes: string[], mode: RowMode): Shape {
  const key = mode + JSON.stringify(names);
  const bytes = bytesOf(names);
  const layout = (): RowLayout => (mode === "object" ? objectRows(names) : indexedRows(names));
  const readRows: Shape["readRows"] =
    bytes > LONGEST_BYTES
      ? (count, cells, rows) => layout().makeRows(cells, count, rows)
      : (count, cells, rows) => makerFor(key, bytes, layout).read(cells, count, rows);
  return { names, declaredTypes, readRows };
}

function makerFor(key: string, bytes: number, layout: () => RowLayout): RowMaker {
  const known = makers.get(key);
  if (known !== undefined) return known.maker;
  const maker = new RowMaker(layout());
  makers.set(key, { maker, bytes });
  keptBytes += bytes;
  for (const [oldest, { bytes: freed }] of makers) {
    if (keptBytes <= KEPT_BYTES) break;
    makers.delete(oldest);
    keptBytes -= freed;
  }
  return maker;
}

function bytesOf(names: readonly string[]): number {
  let characters = 0;
  for (const name of names) characters += name.length;
  return names.length * BYTES_PER_COLUMN + characters * COPIES_OF_NAME;
}

/** A shape whose columns could not be read: each use of it fails with the same error. */
export function unreadableShape(error: unknown): Shape {
  const fail = (): never => {
    throw error;
  };
  return {
    get names(): never {
      return fail();
    },
    get declaredTypes(): never {
      return fail();
    },
    readRows: fail,
  };
}
