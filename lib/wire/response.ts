/**
 * Reads answers: the JavaScript half of `src/wire/response.rs`; the format is described in
 * `src/wire.rs`.
 */
import type { IntMode, Value } from "@libsql/core/api";
import type { ClosingStep } from "../../index.js";

export const SHAPE = 1;
export const ROWS = 2;
export const RESULT = 3;
export const DONE = 4;
export const ERROR = 5;
export const FORGET = 6;
export const STEP = 7;
export const CLOSED = 8;
export const SHUTDOWN_REQUEST = 9;
export const SHUTDOWN_ACKNOWLEDGED = 10;
export const PROGRESS = 11;
export const WANTED = 12;
export const SWAPPED = 13;
export const SWAP_ERROR = 14;
export const WANTED_DATABASE = 15;
export const DATABASE_SWAPPED = 16;
export const REPORT = 17;

/** Those that others of the same job follow. */
const FOLLOWED: ReadonlySet<number> = new Set([
  SHAPE,
  ROWS,
  RESULT,
  FORGET,
  STEP,
  PROGRESS,
  WANTED,
  WANTED_DATABASE,
]);

/** Whether a record ends its job, as far as its kind says: one that nobody knows does. */
export function endsJob(kind: number): boolean {
  return !FOLLOWED.has(kind);
}

/** What the end of a job says of the connection it ran on. */
export interface Outcome {
  /** The connection is in no transaction. */
  autocommit: boolean;
  /** The connection has TEMP tables or attached databases: the client keeps to it. */
  tied: boolean;
  /**
   * The connection is in a transaction that a statement of the client has begun. Where it is neither
   * that nor in `autocommit` mode, the job never ran, or it belonged to a transaction of its own.
   */
  explicit: boolean;
  /** Something that the job did is committed. */
  committed: boolean;
}

/** How one closing ended. */
export interface ClosingEnd {
  /** A `-wal` file is left, because the database is open elsewhere. */
  walLeft: boolean;
  /** How many connections were closed. */
  connections: number;
  /** How many calls were cancelled. */
  cancelled: number;
}

/** How one statement ended. */
export interface StatementEnd {
  /** The number of its rows' shape, 0 without columns. */
  shape: number;
  rowsAffected: number;
  lastInsertRowid: bigint | undefined;
}

/** Which JavaScript class an error becomes. */
export const enum ErrorClass {
  Libsql = 0,
  Range = 1,
  Aborted = 2,
}

/** An error as the native side reports it. */
export interface NativeError {
  class: ErrorClass;
  /** The failed statement's index in its batch, -1 outside of one. */
  statementIndex: number;
  /** SQLite's extended result code, 0 where the error is not SQLite's. */
  rawCode: number;
  code: string;
  extendedCode: string;
  message: string;
}

/** Reads all records of one delivery. */
export function readRecords(
  delivery: ArrayBuffer,
  take: (job: number, kind: number, record: RecordReader) => void,
): void {
  const reader = new RecordReader(delivery);
  while (reader.next()) take(reader.job, reader.kind, reader);
}

/** Stands at one record of a delivery and reads its body. */
export class RecordReader {
  job = 0;
  kind = 0;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;
  #end = 0;

  constructor(delivery: ArrayBuffer) {
    this.#bytes = Buffer.from(delivery);
    this.#view = new DataView(delivery);
  }

  /** Goes to the next record, if there is one. */
  next(): boolean {
    this.#at = this.#end;
    if (this.#at >= this.#bytes.length) return false;
    const length = this.u32();
    this.#end = this.#at + length;
    this.job = this.u32();
    this.kind = this.u8();
    return true;
  }

  u32(): number {
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  string(): string {
    const length = this.u32();
    const value = this.#bytes.toString("utf8", this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** The columns of a `shape` record, behind its number. */
  columns(): { names: string[]; declaredTypes: string[] } {
    const count = this.u32();
    const names: string[] = [];
    const declaredTypes: string[] = [];
    for (let i = 0; i < count; i++) {
      names.push(this.string());
      declaredTypes.push(this.string());
    }
    return { names, declaredTypes };
  }

  /** The cells of a `rows` record, behind its shape and its number of rows. */
  cells(intMode: IntMode): CellReader {
    const length = this.u32();
    const ascii = this.u8() === 1;
    const start = this.#at;
    const textStart = start + length;
    const text =
      textStart === this.#end
        ? ""
        : this.#bytes.toString(ascii ? "latin1" : "utf8", textStart, this.#end);
    return new CellReader(this.#bytes, this.#view, start, text, intMode);
  }

  statementEnd(): StatementEnd {
    const shape = this.u32();
    const rowsAffected = this.#view.getFloat64(this.#at, true);
    const hasRowid = this.#bytes[this.#at + 8] === 1;
    const lastInsertRowid = hasRowid ? this.#view.getBigInt64(this.#at + 9, true) : undefined;
    return { shape, rowsAffected, lastInsertRowid };
  }

  /** What a `done` record says, and an `error` record first. */
  outcome(): Outcome {
    const flags = this.u8();
    return {
      autocommit: (flags & 1) !== 0,
      tied: (flags & 2) !== 0,
      explicit: (flags & 4) !== 0,
      committed: (flags & 8) !== 0,
    };
  }

  /** What a `step` record says. */
  step(): ClosingStep {
    return { step: this.string() as ClosingStep["step"], ms: this.f64() };
  }

  /** What a `closed` record says. */
  closed(): ClosingEnd {
    return { walLeft: this.u8() === 1, connections: this.u32(), cancelled: this.u32() };
  }

  /** What another environment asks for. */
  shutdownRequest(): { request: number; drain: boolean; timeoutMs: number } {
    return { request: this.u32(), drain: this.u8() === 1, timeoutMs: this.f64() };
  }

  /** The report of the environment that was asked; undefined where it ended without one. */
  acknowledgement(): string | undefined {
    const hasReport = this.u8() === 1;
    return hasReport ? this.string() : undefined;
  }

  /** What an `error` record says, behind its outcome. */
  error(): NativeError {
    const errorClass = this.u8() as ErrorClass;
    const statementIndex = this.#i32();
    const rawCode = this.#i32();
    const code = this.string();
    const extendedCode = this.string();
    const message = this.string();
    return { class: errorClass, statementIndex, rawCode, code, extendedCode, message };
  }

  u8(): number {
    return this.#view.getUint8(this.#at++);
  }

  f64(): number {
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  #i32(): number {
    const value = this.#view.getInt32(this.#at, true);
    this.#at += 4;
    return value;
  }
}

const NULL = 0;
const SMALL_INTEGER = 1;
const INTEGER = 2;
const REAL = 3;
const TEXT = 4;
const BLOB = 5;

/**
 * Reads the cells of one record of rows, one after the other. Texts are pieces of one decoded
 * string; a piece keeps that string alive, which is 64 KiB or one row long.
 */
export class CellReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #text: string;
  readonly #intMode: IntMode;
  #at: number;
  #textAt = 0;

  constructor(bytes: Buffer, view: DataView, start: number, text: string, intMode: IntMode) {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = start;
    this.#text = text;
    this.#intMode = intMode;
  }

  /** The next cell's value. */
  cell(): Value {
    switch (this.#bytes[this.#at++]) {
      case NULL:
        return null;
      case SMALL_INTEGER: {
        const value = this.#view.getInt32(this.#at, true);
        this.#at += 4;
        if (this.#intMode === "number") return value;
        return this.#intMode === "bigint" ? BigInt(value) : String(value);
      }
      case INTEGER:
        return this.#integer();
      case REAL: {
        const value = this.#view.getFloat64(this.#at, true);
        this.#at += 8;
        return value;
      }
      case TEXT: {
        const end = this.#textAt + this.#view.getUint32(this.#at, true);
        this.#at += 4;
        const value = this.#text.substring(this.#textAt, end);
        this.#textAt = end;
        return value;
      }
      case BLOB: {
        const start = this.#at + 4;
        this.#at = start + this.#view.getUint32(this.#at, true);
        return this.#view.buffer.slice(start, this.#at) as ArrayBuffer;
      }
      default:
        throw new TypeError("a cell of a kind that this version does not know");
    }
  }

  #integer(): Value {
    const at = this.#at;
    this.#at += 8;
    if (this.#intMode === "number") {
      // The native side refuses what a number cannot hold.
      return this.#view.getInt32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
    }
    const value = this.#view.getBigInt64(at, true);
    return this.#intMode === "bigint" ? value : String(value);
  }
}
