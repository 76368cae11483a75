/** Reads answers, which `src/wire` writes. `src/wire/mod.rs` describes the format. */
import type { IntMode, Value } from "@libsql/core/api";
import { CellKind, OutcomeFlag, PieceKind, RecordKind, TextKind } from "./kinds";

/** The records after which others of the same job follow. */
const FOLLOWED: ReadonlySet<number> = new Set([
  RecordKind.Shape,
  RecordKind.Rows,
  RecordKind.Result,
  RecordKind.Forget,
  RecordKind.Step,
  RecordKind.Progress,
  RecordKind.Wanted,
  RecordKind.WantedDatabase,
  RecordKind.Panic,
  RecordKind.Piece,
  RecordKind.Ran,
  RecordKind.Tables,
]);

/** Whether a record of this kind ends its job. A record of an unknown kind does. */
export function endsJob(kind: number): boolean {
  return !FOLLOWED.has(kind);
}

/** What the end of a job says of the connection it ran on. */
export interface Outcome {
  /** The connection is in no transaction. */
  autocommit: boolean;
  /** The connection has TEMP tables or attached databases: the client has to stay on it. */
  pinned: boolean;
  /**
   * The connection is in a transaction that a statement of the client has begun. If neither this nor
   * `autocommit` is set, the job never ran, or it belonged to a transaction of its own.
   */
  explicit: boolean;
  /** Some of the job's changes are committed. */
  committed: boolean;
}

/** How one closing ended. */
export interface ClosingEnd {
  /** The `-wal` file is left, because another process or client has the database open. */
  walLeft: boolean;
  /** The number of connections that were closed. */
  connections: number;
  /** The number of calls that were cancelled. */
  cancelled: number;
}

/** How one statement ended. */
export interface StatementEnd {
  /** The number of the rows' shape, 0 without columns. */
  shape: number;
  rowsAffected: number;
  lastInsertRowid: bigint | undefined;
}

/** An error as the native side reports it. */
export interface NativeError {
  /** One of `ErrorKind`. */
  kind: number;
  /** The failed statement's index in its batch; -1 outside of a batch. */
  statementIndex: number;
  /** SQLite's extended result code; 0 for an error that is not SQLite's. */
  rawCode: number;
  code: string;
  extendedCode: string;
  message: string;
  /** Where the wrong token begins in the text of the statement, in UTF-16 units; undefined if it is not known. */
  offset: number | undefined;
  /** The SQL at that place, as further lines of the message; empty if it is not known. */
  lines: string;
}

/** Stands for an unknown offset. */
const NO_OFFSET = 2 ** 32 - 1;

/** Reads all records of one delivery. */
export function readRecords(
  delivery: ArrayBuffer,
  take: (job: number, kind: number, record: RecordReader) => void,
): void {
  const reader = new RecordReader(delivery);
  while (reader.next()) take(reader.job, reader.kind, reader);
}

/** A piece of a long value. */
export interface Piece {
  /** Of a blob the bytes, which are valid until the next record is read. */
  content: Uint8Array | string;
  isLast: boolean;
  /** The length of the whole blob in bytes. */
  total: number;
}

/** A cursor over the records of one delivery. */
export class RecordReader {
  job = 0;
  kind = 0;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;
  #end = 0;
  #length: number;

  constructor(delivery: ArrayBuffer) {
    this.#bytes = Buffer.from(delivery);
    this.#view = new DataView(delivery);
    this.#length = delivery.byteLength;
  }

  /** Its memory, into which other records can be written. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Goes back to the beginning: there are other records now, in the first `length` bytes. */
  restart(length: number = this.#bytes.length): void {
    this.#end = 0;
    this.#length = length;
  }

  /** Moves to the next record, if there is one. */
  next(): boolean {
    this.#at = this.#end;
    if (this.#at >= this.#length) return false;
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

  /** A `Panic` record. */
  panic(): { message: string; location: string; thread: string } {
    return { message: this.string(), location: this.string(), thread: this.string() };
  }

  string(): string {
    const length = this.u32();
    const value = this.#bytes.toString("utf8", this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** The columns of a `Shape` record, after its number. */
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

  /** A `Tables` record, after its number. */
  tables(): string[] {
    const count = this.u32();
    const tables: string[] = [];
    for (let i = 0; i < count; i++) tables.push(this.string());
    return tables;
  }

  /**
   * The cells of a `Rows` record, after its shape and its number of rows. `nextLong` answers the next of
   * the long values, which have come before.
   */
  cells(intMode: IntMode, nextLong: () => Value): CellReader {
    const length = this.u32();
    const kind = this.u8();
    const start = this.#at;
    const textStart = start + length;
    const text = textStart === this.#end ? "" : this.#text(kind, textStart);
    return new CellReader(this.#bytes, this.#view, start, text, intMode, nextLong);
  }

  /** A `Piece` record. */
  piece(): Piece {
    const kind = this.u8();
    const isLast = this.u8() === 1;
    const total = this.u32();
    const content =
      kind === PieceKind.Blob
        ? this.#bytes.subarray(this.#at, this.#end)
        : this.#text(kind, this.#at);
    return { content, isLast, total };
  }

  /** The text from here to the end of the record. */
  #text(kind: number, start: number): string {
    switch (kind) {
      case TextKind.Latin1:
        return this.#bytes.toString("latin1", start, this.#end);
      case TextKind.Utf16:
        return this.#bytes.toString("utf16le", start, this.#end);
      default:
        throw new TypeError("a text in an encoding that this version does not know");
    }
  }

  statementEnd(): StatementEnd {
    const shape = this.u32();
    const rowsAffected = this.#view.getFloat64(this.#at, true);
    const hasRowid = this.#bytes[this.#at + 8] === 1;
    const lastInsertRowid = hasRowid ? this.#view.getBigInt64(this.#at + 9, true) : undefined;
    return { shape, rowsAffected, lastInsertRowid };
  }

  /** A `Done` record, or the beginning of an `Error` record. */
  outcome(): Outcome {
    const flags = this.u8();
    return {
      autocommit: (flags & OutcomeFlag.Autocommit) !== 0,
      pinned: (flags & OutcomeFlag.Pinned) !== 0,
      explicit: (flags & OutcomeFlag.Explicit) !== 0,
      committed: (flags & OutcomeFlag.Committed) !== 0,
    };
  }

  /** A `Ran` record. */
  ran(): { lane: number; queuedMs: number; runMs: number } {
    return { lane: this.u8(), queuedMs: this.f64(), runMs: this.f64() };
  }

  /** A `Step` record. */
  step(): { kind: number; ms: number } {
    return { kind: this.u8(), ms: this.f64() };
  }

  /** A `Closed` record. */
  closed(): ClosingEnd {
    return { walLeft: this.u8() === 1, connections: this.u32(), cancelled: this.u32() };
  }

  /** A `ShutdownRequest` record. */
  shutdownRequest(): { request: number; drain: boolean; timeoutMs: number } {
    return { request: this.u32(), drain: this.u8() === 1, timeoutMs: this.f64() };
  }

  /** A `ShutdownAcknowledged` record: a report, or undefined if the environment ended without one. */
  acknowledgement(): string | undefined {
    const hasReport = this.u8() === 1;
    return hasReport ? this.string() : undefined;
  }

  /** The error of an `Error` record, after its outcome. */
  error(): NativeError {
    const kind = this.u8();
    const statementIndex = this.#i32();
    const rawCode = this.#i32();
    const code = this.string();
    const extendedCode = this.string();
    const message = this.string();
    const at = this.u32();
    const offset = at === NO_OFFSET ? undefined : at;
    return {
      kind,
      statementIndex,
      rawCode,
      code,
      extendedCode,
      message,
      offset,
      lines: this.string(),
    };
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

const { Null, SmallInteger, Integer, Real, Text, Blob, Long } = CellKind;

/**
 * Reads the cells of one `Rows` record in order. Texts are substrings of one decoded string. A
 * substring keeps that string alive, which is 64 KiB or one row long.
 */
export class CellReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #text: string;
  readonly #intMode: IntMode;
  readonly #nextLong: () => Value;
  #at: number;
  #textAt = 0;

  constructor(
    bytes: Buffer,
    view: DataView,
    start: number,
    text: string,
    intMode: IntMode,
    nextLong: () => Value,
  ) {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = start;
    this.#text = text;
    this.#intMode = intMode;
    this.#nextLong = nextLong;
  }

  /** The value of the next cell. */
  cell(): Value {
    switch (this.#bytes[this.#at++]) {
      case Null:
        return null;
      case SmallInteger: {
        const value = this.#view.getInt32(this.#at, true);
        this.#at += 4;
        if (this.#intMode === "number") return value;
        return this.#intMode === "bigint" ? BigInt(value) : String(value);
      }
      case Integer:
        return this.#integer();
      case Real: {
        const value = this.#view.getFloat64(this.#at, true);
        this.#at += 8;
        return value;
      }
      case Text: {
        const end = this.#textAt + this.#view.getUint32(this.#at, true);
        this.#at += 4;
        const value = this.#text.substring(this.#textAt, end);
        this.#textAt = end;
        return value;
      }
      case Blob: {
        const start = this.#at + 4;
        this.#at = start + this.#view.getUint32(this.#at, true);
        return this.#blob(start, this.#at);
      }
      case Long:
        return this.#nextLong();
      default:
        throw new TypeError("a cell of a kind that this version does not know");
    }
  }

  #blob(start: number, end: number): ArrayBuffer {
    const { buffer } = this.#view;
    if (buffer instanceof ArrayBuffer) return buffer.slice(start, end);
    // latchdb was loaded in a realm of its own (`node:vm`, as test runners do), the addon was not. The
    // caller's `instanceof ArrayBuffer` has to hold, and that of ResultSet.toJSON().
    return new Uint8Array(this.#bytes.subarray(start, end)).buffer;
  }

  #integer(): Value {
    const at = this.#at;
    this.#at += 8;
    if (this.#intMode === "number") {
      // The native side rejects integers that a number cannot represent.
      return this.#view.getInt32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
    }
    const value = this.#view.getBigInt64(at, true);
    return this.#intMode === "bigint" ? value : String(value);
  }
}
