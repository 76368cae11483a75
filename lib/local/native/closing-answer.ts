/** Reads the answer of a closing: its steps, and its result. */
import { channel } from "node:diagnostics_channel";
import type { ClosingStep } from "../../../index.js";
import { AsyncContext } from "../../client/async-context";
import { ClosingStepKind, RecordKind } from "../wire/kinds";
import { endsJob, RecordReader, type ClosingEnd } from "../wire/response";
import { failureOf, unknownRecord } from "./errors";

/** The result of a closing. */
export interface Closed extends ClosingEnd {
  steps: ClosingStep[];
}

/** The result of closing a database that has nothing open. */
export function nothingClosed(): Closed {
  return { walLeft: false, connections: 0, cancelled: 0, steps: [] };
}

/** The names of the steps, by their numbers on the wire. */
const STEPS: ReadonlyMap<number, ClosingStep["step"]> = new Map([
  [ClosingStepKind.Drain, "drain"],
  [ClosingStepKind.Cancel, "cancel"],
  [ClosingStepKind.Join, "join"],
  [ClosingStepKind.Close, "close"],
]);

/** Carries one message for each step: `{ path, step, ms }`. */
const messages = channel("latchdb:close");

/** A buffer for the records of one closing after another. */
export class ClosingRecords {
  /** Longer records, those of an error, do not fit. */
  readonly buffer = new Uint8Array(256);
  readonly #reader = new RecordReader(this.buffer.buffer);

  /** The records that the addon has written. */
  read(): RecordReader {
    this.#reader.restart();
    return this.#reader;
  }
}

/**
 * Collects the records of one closing, and publishes each step in the async context of the call that
 * closes.
 */
export class ClosingAnswer {
  readonly #path: string | undefined;
  readonly #closed: Closed = nothingClosed();
  /** Undefined if the records are taken in that context anyway. */
  readonly #context: AsyncContext | undefined;
  #drainedBeforeMs: number;
  #failure: { error: unknown } | undefined;

  /**
   * @param path the client's name in published steps; undefined to publish none
   * @param when whether the records are taken within the call that closes, or later
   * @param drainedBeforeMs the time that was spent draining before the native side began
   */
  constructor(path: string | undefined, when: "now" | "later", drainedBeforeMs = 0) {
    this.#path = path;
    this.#context = when === "later" ? new AsyncContext("latchdb.Closing") : undefined;
    this.#drainedBeforeMs = drainedBeforeMs;
  }

  /**
   * Takes one record. Never throws: a record that cannot be read becomes the closing's failure.
   * @returns whether it was the last record
   */
  take(kind: number, record: RecordReader): boolean {
    try {
      this.#read(kind, record);
    } catch (error) {
      this.#failure ??= { error };
    }
    return endsJob(kind);
  }

  /** Takes all records of a closing. */
  takeAll(record: RecordReader): void {
    while (record.next()) if (this.take(record.kind, record)) return;
  }

  #read(kind: number, record: RecordReader): void {
    switch (kind) {
      case RecordKind.Step: {
        const { kind: number, ms } = record.step();
        const step = STEPS.get(number);
        if (step === undefined) throw unknownRecord(number);
        this.#publish({ step, ms: step === "drain" ? ms + this.#drainedBeforeMs : ms });
        break;
      }
      case RecordKind.Closed:
        Object.assign(this.#closed, record.closed());
        break;
      case RecordKind.Error:
        record.outcome();
        this.#failure = { error: failureOf(record.error()) };
        break;
      default:
        throw unknownRecord(kind);
    }
  }

  /**
   * The result.
   * @throws Failure with SQLite's code if a connection could not be closed
   */
  result(): Closed {
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#closed;
  }

  #publish(step: ClosingStep): void {
    this.#closed.steps.push(step);
    const path = this.#path;
    if (path === undefined || !messages.hasSubscribers) return;
    const publish = (): void => messages.publish({ path, ...step });
    if (this.#context === undefined) publish();
    else this.#context.runInAsyncScope(publish);
  }
}
