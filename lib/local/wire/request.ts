/** Writes requests, which `src/wire/request.rs` reads. `src/wire/mod.rs` describes the format. */
import { types } from "node:util";
import type { InArgs, IntMode, InValue, TransactionMode } from "@libsql/core/api";
import {
  checkInteger,
  checkNumber,
  checkSql,
  undefinedArgument,
  unsupportedArgument,
} from "../../client/argument-errors";
import { namedArguments } from "../../client/arguments";
import { takesList } from "../../client/lists";
import { FIRST_ROW, type Statement } from "../../client/statement";
import { OPTIONS, type StatementOptions } from "../../client/statement-options";
import {
  ArgumentKind,
  BatchFlag,
  ModeKind,
  RequestKind,
  StatementFlag,
  StatementOption,
} from "./kinds";
import { RecordReader } from "./response";

const { Null, Integer, Real, Text, Blob, List } = ArgumentKind;

const MODES: Record<TransactionMode, number> = {
  deferred: ModeKind.Deferred,
  write: ModeKind.Write,
  read: ModeKind.Read,
};

/** ASCII strings up to this length are copied character by character, which is faster. */
const SHORT = 32;
/** Up to this length, the worst case of a string's bytes is reserved; beyond it, they are counted. */
const LONG = 64 * 1024;
/** A buffer that has grown beyond this size is dropped after its request. */
const KEPT_BYTES = 1024 * 1024;
/** The size of a new buffer: the answer of a call that runs on this thread is written into it. */
const NEW_BYTES = 128 * 1024;

const NO_BYTES = new Uint8Array();
const NO_BUFFER = Buffer.alloc(0);

/** The number of a statement's text, or 0 to send the text itself. */
export type NumberOf = (sql: string) => number;

/** Writes one request at a time into a buffer that it reuses. */
export class RequestWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(NEW_BYTES);
  #view = viewOf(this.#buffer);
  #answer: RecordReader | undefined;
  #length = 0;
  #options: (StatementOptions | undefined)[] | undefined;
  #statements = 0;

  /** What its statements say of their rows, by their index; undefined if none says anything. */
  get options(): readonly (StatementOptions | undefined)[] | undefined {
    return this.#options;
  }

  /** The bytes; those up to `length` are the request. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  get length(): number {
    return this.#length;
  }

  /** Gives the memory of a large request back, once the addon has copied it. */
  giveBack(): void {
    if (this.#buffer.length > KEPT_BYTES) this.#replace(NO_BUFFER);
  }

  /** The records of an answer that the addon has written over the request. */
  answer(): RecordReader {
    // The buffer is an ArrayBuffer of its own, from its beginning.
    this.#answer ??= new RecordReader(this.#buffer.buffer as ArrayBuffer);
    this.#answer.restart();
    return this.#answer;
  }

  /** One statement. */
  execute(statement: Statement, intMode: IntMode, numberOf: NumberOf): void {
    this.#start(RequestKind.Execute);
    this.statement(statement, intMode, numberOf);
  }

  /** The head of a batch. `count` calls of `statement` must follow. */
  batch(mode: TransactionMode, foreignKeysOff: boolean, count: number): void {
    this.#start(RequestKind.Batch);
    this.#u8(MODES[mode]);
    this.#u8(foreignKeysOff ? BatchFlag.ForeignKeysOff : 0);
    this.#u32(count);
  }

  /** A text of several statements, of which each may run for so many ms. */
  script(sql: string, queryTimeout?: number): void {
    checkSql(sql);
    this.#start(RequestKind.Script);
    this.#string(sql);
    if (queryTimeout !== undefined) this.#u32(Math.ceil(queryTimeout));
  }

  /** The beginning of a transaction. */
  begin(mode: TransactionMode): void {
    this.#start(RequestKind.Begin);
    this.#u8(MODES[mode]);
  }

  /** A cursor, and its first rows. `begins`: in a transaction of its own. */
  openCursor(
    begins: boolean,
    mostRows: number,
    statement: Statement,
    intMode: IntMode,
    numberOf: NumberOf,
  ): void {
    this.#start(RequestKind.OpenCursor);
    this.#u8(begins ? 1 : 0);
    this.#u32(mostRows);
    this.statement(statement, intMode, numberOf);
  }

  /** Many lists of arguments for one statement: a call of `manyArguments` for each, and then of `manyOf`. */
  many(): void {
    this.#start(RequestKind.Many);
    this.#u32(0);
  }

  /** One of the lists. */
  manyArguments(sql: string, args: InArgs, intMode: IntMode): void {
    const lengthAt = this.#length;
    this.#u32(0);
    if (Array.isArray(args)) this.#positional(sql, args, intMode, 0, undefined);
    else this.#named(args, intMode, 0, undefined);
    this.#view.setUint32(lengthAt, this.#length - lengthAt - 4, true);
  }

  /** The statement for so many lists. */
  manyOf(sql: string, count: number, numberOf: NumberOf): void {
    this.#view.setUint32(1, count, true);
    const id = numberOf(sql);
    this.#u32(id);
    if (id === 0) this.#string(sql);
  }

  /** What a statement is. */
  describe(statement: Statement, intMode: IntMode, numberOf: NumberOf): void {
    this.#start(RequestKind.Describe);
    this.statement(statement, intMode, numberOf);
  }

  /** Further rows of the cursor that this job has opened, which has these options. */
  fetch(cursor: number, mostRows: number, options?: StatementOptions): void {
    this.#start(RequestKind.Fetch);
    if (options !== undefined) this.#options = [options];
    this.#u32(cursor);
    this.#u32(mostRows);
  }

  /** The end of the cursor that this job has opened. */
  closeCursor(cursor: number): void {
    this.#start(RequestKind.CloseCursor);
    this.#u32(cursor);
  }

  commit(): void {
    this.#start(RequestKind.Commit);
  }

  rollback(): void {
    this.#start(RequestKind.Rollback);
  }

  /** Rolls back whatever transaction is open on the lane. */
  endAnyTransaction(): void {
    this.#start(RequestKind.EndAnyTransaction);
  }

  /**
   * A statement within a request.
   * @throws Failure with a TypeError for an `undefined` argument, with a RangeError for a number that is
   * not finite and a bigint beyond 64 bits, with a LibsqlError ARGUMENT_NOT_SUPPORTED for types that
   * SQLite does not have; TypeError for arguments in neither form
   */
  statement(statement: Statement, intMode: IntMode, numberOf: NumberOf): void {
    const { sql, args } = statement;
    checkSql(sql);
    const id = numberOf(sql);
    this.#u32(id);
    if (id === 0) this.#string(sql);
    const lengthAt = this.#length;
    this.#u32(0);
    const flags = statement[FIRST_ROW] === true ? StatementFlag.FirstRow : 0;
    const options = statement[OPTIONS];
    const index = this.#statements++;
    if (options !== undefined) (this.#options ??= [])[index] = options;
    const mode = options?.intMode ?? intMode;
    if (Array.isArray(args)) this.#positional(sql, args, mode, flags, options);
    else this.#named(args, mode, flags, options);
    this.#view.setUint32(lengthAt, this.#length - lengthAt - 4, true);
  }

  #flags(flags: number, options: StatementOptions | undefined): void {
    if (options === undefined) return this.#u8(flags);
    this.#u8(flags | StatementFlag.Options);
    const { queryTimeout } = options;
    this.#u8(flagsOf(options));
    if (queryTimeout !== undefined) this.#u32(Math.ceil(queryTimeout));
  }

  #positional(
    sql: string,
    args: readonly InValue[],
    intMode: IntMode,
    flags: number,
    options: StatementOptions | undefined,
  ): void {
    this.#flags(flags, options);
    this.#u32(args.length);
    for (let i = 0; i < args.length; i++) {
      const value: unknown = args[i];
      if (typeof value === "object" && Array.isArray(value) && takesList(sql, i)) {
        this.#list(value as InValue[], intMode);
      } else {
        this.#value(value as InValue, intMode);
      }
    }
  }

  #list(values: readonly InValue[], intMode: IntMode): void {
    this.#u8(List);
    this.#u32(values.length);
    for (let i = 0; i < values.length; i++) this.#value(values[i], intMode);
  }

  #named(
    given: InArgs | undefined,
    intMode: IntMode,
    flags: number,
    options: StatementOptions | undefined,
  ): void {
    const args = namedArguments(given);
    this.#flags(StatementFlag.Named | flags, options);
    const countAt = this.#length;
    this.#u32(0);
    let count = 0;
    for (const name in args) {
      const first = name[0];
      this.#string(first === ":" || first === "@" || first === "$" ? name.slice(1) : name);
      this.#value(args[name], intMode);
      count++;
    }
    this.#view.setUint32(countAt, count, true);
  }

  #value(value: InValue | undefined, intMode: IntMode): void {
    switch (typeof value) {
      case "number":
        checkNumber(value);
        return this.#real(value);
      case "string":
        this.#u8(Text);
        return this.#string(value);
      case "bigint":
        checkInteger(value);
        return this.#integer(value);
      case "boolean":
        return this.#boolean(value, intMode);
      case "undefined":
        throw undefinedArgument();
      case "object":
        return this.#object(value);
      default:
        throw unsupportedArgument(value);
    }
  }

  #boolean(value: boolean, intMode: IntMode): void {
    if (intMode === "bigint") return this.#integer(value ? 1n : 0n);
    if (intMode === "string") {
      this.#u8(Text);
      return this.#string(value ? "1" : "0");
    }
    this.#real(value ? 1 : 0);
  }

  #object(value: object | null): void {
    if (value === null) return this.#u8(Null);
    if (ArrayBuffer.isView(value)) {
      // A view whose buffer was transferred away has no bytes.
      if (value.byteLength === 0) return this.#blob(NO_BYTES);
      return this.#blob(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    }
    if (types.isAnyArrayBuffer(value)) return this.#blob(new Uint8Array(value));
    // SQLite stores the NaN of an invalid date as NULL.
    if (types.isDate(value)) return this.#real(value.valueOf());
    throw unsupportedArgument(value);
  }

  #integer(value: bigint): void {
    this.#reserve(9);
    this.#buffer[this.#length] = Integer;
    this.#view.setBigInt64(this.#length + 1, value, true);
    this.#length += 9;
  }

  #real(value: number): void {
    this.#reserve(9);
    this.#buffer[this.#length] = Real;
    this.#view.setFloat64(this.#length + 1, value, true);
    this.#length += 9;
  }

  #blob(bytes: Uint8Array): void {
    this.#u8(Blob);
    this.#u32(bytes.length);
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #string(text: string): void {
    const worst = text.length > LONG ? Buffer.byteLength(text) : text.length * 3;
    this.#reserve(worst + 4);
    const start = this.#length + 4;
    let written = text.length <= SHORT ? this.#ascii(text, start) : -1;
    if (written < 0) written = this.#buffer.write(text, start);
    this.#view.setUint32(this.#length, written, true);
    this.#length = start + written;
  }

  /** Copies a short ASCII string; returns -1 for any other string. */
  #ascii(text: string, start: number): number {
    const buffer = this.#buffer;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return -1;
      buffer[start + i] = code;
    }
    return text.length;
  }

  #u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  #u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  #start(operation: number): void {
    this.#length = 0;
    this.#options = undefined;
    this.#statements = 0;
    this.giveBack();
    if (this.#buffer === NO_BUFFER) this.#replace(Buffer.allocUnsafeSlow(NEW_BYTES));
    this.#u8(operation);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#replace(grown);
  }

  #replace(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#view = viewOf(buffer);
    this.#answer = undefined;
  }
}

/** Used for all requests but long batches: the addon copies each one before the next is written. */
const shared = new RequestWriter();
let isWriting = false;

/**
 * Writes one request. Code of an argument (a getter, a proxy) may make another call meanwhile, which
 * gets a writer of its own.
 */
export function writeRequest(fill: (writer: RequestWriter) => void): RequestWriter {
  const writer = isWriting ? new RequestWriter() : shared;
  const wasWriting = isWriting;
  isWriting = true;
  try {
    fill(writer);
    return writer;
  } finally {
    isWriting = wasWriting;
  }
}

/**
 * Reads an answer that is in the memory of the requests. Code of the caller's (a converter) may make other calls
 * meanwhile, which get a writer of their own.
 */
export function keepingAnswer<T>(read: () => T): T {
  const wasWriting = isWriting;
  isWriting = true;
  try {
    return read();
  } finally {
    isWriting = wasWriting;
  }
}

function flagsOf({ rowMode, intMode, queryTimeout, readOnly, strict }: StatementOptions): number {
  let flags = 0;
  if (readOnly === true) flags |= StatementOption.ReadOnly;
  if (strict !== undefined) flags |= strict ? StatementOption.Strict : StatementOption.Lenient;
  if (intMode === "number") flags |= StatementOption.Numbers;
  else if (intMode !== undefined) flags |= StatementOption.OtherIntegers;
  if (rowMode === "expand") flags |= StatementOption.Tables;
  if (queryTimeout !== undefined) flags |= StatementOption.TimeLimit;
  return flags;
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
