/** Writes the requests of one client. */
import { performance } from "node:perf_hooks";
import type { InArgs, IntMode, TransactionMode } from "@libsql/core/api";
import type { StatementNumbers } from "../native/statements";
import type { InStatement } from "../statement";
import { setImmediate } from "../timers";
import { RequestWriter, type StatementToWrite } from "../wire/request";

/** A batch of so many statements is written at once. */
const AT_ONCE = 500;
/** How long a long one is written in one turn of the event loop, in ms. */
const TURN_MS = 3;
/** After how many statements the clock is looked at. */
const BETWEEN_LOOKS = 50;

/** A batch as the caller gave it. */
export interface Batch {
  statements: readonly (InStatement | [string, InArgs?])[];
  mode: TransactionMode;
  foreignKeysOff: boolean;
}

/** All requests but long batches are written here: each is handed over before the next one. */
const shared = new RequestWriter();
let isWriting = false;

/** See the module's own text. */
export class Requests {
  readonly #intMode: IntMode;
  readonly #numbers: StatementNumbers;

  constructor(intMode: IntMode, numbers: StatementNumbers) {
    this.#intMode = intMode;
    this.#numbers = numbers;
  }

  statement(statement: StatementToWrite): RequestWriter {
    return write((writer) => writer.execute(statement, this.#intMode, this.#numbers.of));
  }

  script(sql: string): RequestWriter {
    return write((writer) => writer.script(sql));
  }

  begin(mode: TransactionMode): RequestWriter {
    return write((writer) => writer.begin(mode));
  }

  commit(): RequestWriter {
    return write((writer) => writer.commit());
  }

  rollback(): RequestWriter {
    return write((writer) => writer.rollback());
  }

  endAnyTransaction(): RequestWriter {
    return write((writer) => writer.endAnyTransaction());
  }

  /** Whether a batch is written in one go. */
  isShort(batch: Batch): boolean {
    return batch.statements.length <= AT_ONCE;
  }

  shortBatch(batch: Batch): RequestWriter {
    return write((writer) => {
      writer.batch(batch.mode, batch.foreignKeysOff, batch.statements.length);
      for (const statement of batch.statements) {
        writer.statement(toStatement(statement), this.#intMode, this.#numbers.of);
      }
    });
  }

  /**
   * Writes a long batch into a writer of its own, leaving the event loop its turns, and hands it to
   * `submit` in the very turn in which it is done. `goOn` throws where it shall end before.
   */
  async longBatch<T>(
    batch: Batch,
    goOn: () => void,
    submit: (request: RequestWriter) => Promise<T>,
  ): Promise<{ answer: Promise<T> }> {
    const writer = new RequestWriter();
    // The caller may go on to change the list itself.
    const statements = batch.statements.slice();
    this.#numbers.enter();
    try {
      writer.batch(batch.mode, batch.foreignKeysOff, statements.length);
      let turnBegan = performance.now();
      for (const [i, statement] of statements.entries()) {
        writer.statement(toStatement(statement), this.#intMode, this.#numbers.of);
        if (i % BETWEEN_LOOKS === 0 && performance.now() - turnBegan > TURN_MS) {
          await new Promise(setImmediate);
          goOn();
          turnBegan = performance.now();
        }
      }
      return { answer: submit(writer) };
    } finally {
      this.#numbers.leave();
    }
  }
}

/**
 * Writes one request. An argument's own code (a getter, a proxy) may call us meanwhile: that call
 * gets a writer of its own.
 */
function write(fill: (writer: RequestWriter) => void): RequestWriter {
  if (isWriting) {
    const own = new RequestWriter();
    fill(own);
    return own;
  }
  isWriting = true;
  try {
    fill(shared);
    return shared;
  } finally {
    isWriting = false;
  }
}

function toStatement(statement: InStatement | [string, InArgs?]): StatementToWrite {
  if (typeof statement === "string") return { sql: statement };
  if (Array.isArray(statement)) return { sql: statement[0], args: statement[1] };
  return statement;
}
