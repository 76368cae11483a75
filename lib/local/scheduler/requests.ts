/** Writes the statements and batches of one client. */
import { performance } from "node:perf_hooks";
import type { InArgs, IntMode } from "@libsql/core/api";
import { checkSql } from "../../client/argument-errors";
import { parseBatchStatement, type Batch, type Statement } from "../../client/statement";
import { setImmediate } from "../../client/timers";
import { OPTIONS } from "../../client/statement-options";
import type { StatementNumbers } from "../native/statements";
import { RequestWriter, writeRequest } from "../wire/request";

/** A batch of up to this many statements is written at once. */
const AT_ONCE = 500;
/** The time for which a long batch is written in one turn of the event loop, in ms. */
const TURN_MS = 3;
/** The number of statements between two looks at the clock. */
const BETWEEN_LOOKS = 50;

/** A request with so many lists of arguments, or bytes, is full. */
const MOST_LISTS = 1000;
const MOST_BYTES = 96 * 1024;

/** A statement and lists of arguments for it, in one request. */
export class ManyRequest {
  readonly #sql: string;
  readonly #intMode: IntMode;
  readonly #numberOf: (sql: string) => number;
  readonly #writer = new RequestWriter();
  readonly #write: (fill: () => void) => void;
  #count = 0;

  /** @param write runs a function while the numbers of statements are kept */
  constructor(
    sql: string,
    intMode: IntMode,
    write: (fill: () => void) => void,
    numberOf: (sql: string) => number,
  ) {
    checkSql(sql);
    this.#sql = sql;
    this.#intMode = intMode;
    this.#write = write;
    this.#numberOf = numberOf;
    this.#writer.many();
  }

  get isFull(): boolean {
    return this.#count >= MOST_LISTS || this.#writer.length >= MOST_BYTES;
  }

  add(args: InArgs): void {
    this.#writer.manyArguments(this.#sql, args, this.#intMode);
    this.#count++;
  }

  /** The request. */
  finish(): RequestWriter {
    this.#write(() => this.#writer.manyOf(this.#sql, this.#count, this.#numberOf));
    return this.#writer;
  }
}

export class Requests {
  readonly #intMode: IntMode;
  readonly #numbers: StatementNumbers;

  constructor(intMode: IntMode, numbers: StatementNumbers) {
    this.#intMode = intMode;
    this.#numbers = numbers;
  }

  statement(statement: Statement): RequestWriter {
    return this.#write((writer) => writer.execute(statement, this.#intMode, this.#numbers.of));
  }

  /** Lists of arguments for one statement. */
  many(sql: string): ManyRequest {
    return new ManyRequest(sql, this.#intMode, (fill) => this.#write(fill), this.#numbers.of);
  }

  describe(sql: string): RequestWriter {
    // Its answer is read by the name of its column.
    const statement = { sql, [OPTIONS]: { rowMode: "row" } as const };
    return this.#write((writer) => writer.describe(statement, this.#intMode, this.#numbers.of));
  }

  /** `begins`: in a transaction of its own. */
  openCursor(statement: Statement, mostRows: number, begins: boolean): RequestWriter {
    return this.#write((writer) =>
      writer.openCursor(begins, mostRows, statement, this.#intMode, this.#numbers.of),
    );
  }

  /** Code of an argument may make other calls meanwhile, which must not release the numbers of this one. */
  #write(fill: (writer: RequestWriter) => void): RequestWriter {
    this.#numbers.enter();
    try {
      return writeRequest(fill);
    } finally {
      this.#numbers.written();
    }
  }

  /** Whether a batch is written at once. */
  isShort(batch: Batch): boolean {
    return batch.statements.length <= AT_ONCE;
  }

  shortBatch(batch: Batch): RequestWriter {
    return this.#write((writer) => {
      writer.batch(batch.mode, batch.foreignKeysOff, batch.statements.length);
      for (const statement of batch.statements) {
        writer.statement(parseBatchStatement(statement), this.#intMode, this.#numbers.of);
      }
    });
  }

  /**
   * Writes a long batch over several turns of the event loop into a writer of its own, and passes it
   * to `submit` in the turn in which it is complete. `checkGoOn` throws to stop it.
   */
  async longBatch<T>(
    batch: Batch,
    checkGoOn: () => void,
    submit: (request: RequestWriter) => Promise<T>,
  ): Promise<{ answer: Promise<T> }> {
    const writer = new RequestWriter();
    // The caller may change the list meanwhile.
    const statements = batch.statements.slice();
    this.#numbers.enter();
    try {
      writer.batch(batch.mode, batch.foreignKeysOff, statements.length);
      let turnBegan = performance.now();
      for (const [i, statement] of statements.entries()) {
        writer.statement(parseBatchStatement(statement), this.#intMode, this.#numbers.of);
        if (i % BETWEEN_LOOKS === 0 && performance.now() - turnBegan > TURN_MS) {
          await new Promise(setImmediate);
          checkGoOn();
          turnBegan = performance.now();
        }
      }
      return { answer: submit(writer) };
    } finally {
      this.#numbers.leave();
    }
  }
}
