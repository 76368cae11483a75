/** Makes the results of statements from the values that a server has sent. */
import type { IntMode, ResultSet, Row, Value } from "@libsql/core/api";
import type { RowMode } from "../../index.js";
import { Failure } from "../client/failure";
import type { Converters } from "../client/converters";
import { resultSetOf } from "../client/rows/result-set";
import type { Cells } from "../client/rows/row-layout";
import { shapeOf, type Shape } from "../client/rows/rows";
import type { StatementOptions } from "../client/statement-options";
import { setImmediate } from "../client/timers";
import { infiniteReal } from "./infinite-reals";
import type { WireColumns, WireResult, WireValue } from "./protocol";

/** The values of rows. */
export type WireRows = WireResult["rows"];

/** How values and rows are read. */
export interface ReadModes {
  readonly intMode: IntMode;
  readonly rowMode: RowMode;
  readonly converters?: Converters | undefined;
}

/** How the result of a statement is read. */
export function modesOf(client: ReadModes, options: StatementOptions | undefined): ReadModes {
  if (options === undefined) return client;
  const { intMode = client.intMode, rowMode = client.rowMode } = options;
  return { ...client, intMode, rowMode };
}

/** As many values are read in one turn of the event loop: a few milliseconds. */
const VALUES_PER_TURN = 20_000;

/**
 * The result of one statement. A large one is made over several turns of the event loop.
 * @throws Failure with a RangeError, with `intMode: "number"`, for an integer that is not a safe one; with a
 * LibsqlError for an infinite REAL
 */
export function toResultSet(wire: WireResult, modes: ReadModes): ResultSet | Promise<ResultSet> {
  const shape = shapeOfColumns(wire.cols, modes);
  const cells = new WireCells(wire.rows, modes.intMode);
  const rows: Row[] = [];
  const perTurn = Math.max(1, Math.floor(VALUES_PER_TURN / Math.max(1, wire.cols.length)));
  const made = (): ResultSet =>
    resultSetOf(
      shape,
      { rowsAffected: wire.affectedRowCount, lastInsertRowid: wire.lastInsertRowid },
      rows,
      modes.rowMode,
    );
  if (wire.rows.length <= perTurn) {
    shape.readRows(wire.rows.length, cells, rows);
    return made();
  }
  return readSlowly(shape, cells, rows, wire.rows.length, perTurn).then(made);
}

async function readSlowly(
  shape: Shape,
  cells: Cells,
  rows: Row[],
  count: number,
  perTurn: number,
): Promise<void> {
  while (rows.length < count) {
    shape.readRows(Math.min(perTurn, count - rows.length), cells, rows);
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

/** Makes the rows of a result that comes part by part. */
export function rowMaker(columns: WireColumns, modes: ReadModes): (rows: WireRows) => Row[] {
  const shape = shapeOfColumns(columns, modes);
  return (given) => {
    const rows: Row[] = [];
    shape.readRows(given.length, new WireCells(given, modes.intMode), rows);
    return rows;
  };
}

function shapeOfColumns(columns: WireColumns, { rowMode, converters }: ReadModes): Shape {
  const names = columns.map(({ name }) => name ?? "");
  const declaredTypes = columns.map(({ decltype }) => decltype ?? "");
  return shapeOf(names, declaredTypes, rowMode, converters);
}

/** The values of rows, one after another. */
class WireCells implements Cells {
  readonly #rows: WireResult["rows"];
  readonly #intMode: IntMode;
  #row = 0;
  #column = 0;

  constructor(rows: WireResult["rows"], intMode: IntMode) {
    this.#rows = rows;
    this.#intMode = intMode;
  }

  cell(): Value {
    const row = this.#rows[this.#row] as WireValue[];
    const value = toValue(row[this.#column], this.#intMode);
    if (++this.#column === row.length) {
      this.#row++;
      this.#column = 0;
    }
    return value;
  }
}

function toValue(value: WireValue, intMode: IntMode): Value {
  if (typeof value === "bigint") return toInteger(value, intMode);
  if (value === Infinity) throw infiniteReal();
  if (value instanceof Uint8Array) return toArrayBuffer(value);
  if (value !== undefined) return value;
  throw new TypeError("the server has sent a value of a kind that this version does not know");
}

function toInteger(value: bigint, intMode: IntMode): Value {
  if (intMode === "bigint") return value;
  if (intMode === "string") return String(value);
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new Failure(
    () =>
      new RangeError("Received integer which cannot be safely represented as a JavaScript number"),
  );
}

/** The bytes alone: the array may be a part of a larger buffer. */
function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength) return buffer;
  return new Uint8Array(bytes).buffer;
}
