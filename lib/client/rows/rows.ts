/** Makes the rows of results, and keeps what that needs for the next result with the same columns. */
import type { Row } from "@libsql/core/api";
import type { RowMode } from "../../../index.js";
import { arrayRows, pluckedRows } from "./array-rows";
import { ConvertedCells, type Converter, type ConvertersOf } from "./converted-cells";
import { expandedRows } from "./expanded-rows";
import { indexedRows } from "./indexed-rows";
import { objectRows } from "./object-rows";
import type { Cells, MakeRows, RowLayout } from "./row-layout";

/** The columns of a result, and the reader of its rows. */
export interface Shape {
  readonly names: readonly string[];
  readonly declaredTypes: readonly string[];
  /** The table of each column, empty for an expression; undefined where nobody has asked. */
  tables?: readonly string[];
  /** Reads `count` rows and appends them to `rows`. Without a `mode` of the statement's, they are as the client has it. */
  readRows(count: number, cells: Cells, rows: Row[], mode?: RowMode): void;
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
export function shapeOf(
  names: string[],
  declaredTypes: string[],
  mode: RowMode,
  converters?: ConvertersOf,
): Shape {
  return new ResultShape(names, declaredTypes, mode, converters?.of(declaredTypes));
}

type ReadRows = (count: number, cells: Cells, rows: Row[]) => void;

class ResultShape implements Shape {
  tables?: readonly string[];
  readonly #mode: RowMode;
  readonly #converters: readonly (Converter | undefined)[] | undefined;
  /** How rows of the client's mode are read. */
  #read: ReadRows | undefined;
  /** The same of the other modes that a statement has asked for. */
  #others: Map<RowMode, ReadRows> | undefined;

  constructor(
    readonly names: readonly string[],
    readonly declaredTypes: readonly string[],
    mode: RowMode,
    converters: readonly (Converter | undefined)[] | undefined,
  ) {
    this.#mode = mode;
    this.#converters = converters;
  }

  readRows(count: number, cells: Cells, rows: Row[], mode?: RowMode): void {
    if (mode === undefined || mode === this.#mode) {
      this.#read ??= this.#reader(this.#mode);
      return this.#read(count, cells, rows);
    }
    this.#others ??= new Map();
    const known = this.#others.get(mode);
    const read = known ?? this.#reader(mode);
    if (known === undefined) this.#others.set(mode, read);
    read(count, cells, rows);
  }

  #reader(mode: RowMode): ReadRows {
    const { names, tables } = this;
    const read = readerOf(names, mode, mode === "expand" ? tables : undefined);
    const converters = mode === "pluck" ? onlyFirst(this.#converters) : this.#converters;
    if (converters === undefined) return read;
    return (count, cells, rows) => read(count, new ConvertedCells(cells, converters), rows);
  }
}

/** No other column of a row is the caller's to see. */
function onlyFirst(
  converters: readonly (Converter | undefined)[] | undefined,
): (Converter | undefined)[] | undefined {
  if (converters?.[0] === undefined) return undefined;
  return converters.map((convert, column) => (column === 0 ? convert : undefined));
}

function readerOf(
  names: readonly string[],
  mode: RowMode,
  tables: readonly string[] | undefined,
): ReadRows {
  const key = mode + JSON.stringify(tables === undefined ? names : [names, tables]);
  const bytes = bytesOf(names) + (tables === undefined ? 0 : bytesOf(tables));
  const layout = (): RowLayout => layoutOf(names, mode, tables);
  return bytes > LONGEST_BYTES
    ? (count, cells, rows) => layout().makeRows(cells, count, rows)
    : (count, cells, rows) => makerFor(key, bytes, layout).read(cells, count, rows);
}

function layoutOf(
  names: readonly string[],
  mode: RowMode,
  tables: readonly string[] | undefined,
): RowLayout {
  switch (mode) {
    case "object":
      return objectRows(names);
    case "array":
      return arrayRows(names.length);
    case "pluck":
      return pluckedRows(names.length);
    case "expand":
      return expandedRows(names, tables);
    default:
      return indexedRows(names);
  }
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
