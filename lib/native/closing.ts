/** What a closing says of itself while it goes on, and at its end. */
import { AsyncResource } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import type { ClosingStep } from "../../index.js";
import type { ClosingEnd, RecordReader } from "../wire/response";
import { CLOSED, endsJob, ERROR, STEP } from "../wire/response";
import { toError, unknownRecord } from "./errors";

/** What a closing did. */
export interface Closed extends ClosingEnd {
  steps: ClosingStep[];
}

/** One message for each step: `{ path, step, ms }`. */
const messages = channel("latchdb:close");

/**
 * Collects the records of one closing, and tells the subscribers of each step: in the async context in
 * which this was made, that of the call that closes.
 */
export class ClosingAnswer {
  readonly #path: string | undefined;
  readonly #closed: Closed = { walLeft: false, connections: 0, cancelled: 0, steps: [] };
  readonly #context = new AsyncResource("latchdb.Closing");
  #drainedBeforeMs: number;
  #failure: { error: unknown } | undefined;

  /**
   * @param path what the subscribers are told of; undefined where it is no client's end
   * @param drainedBeforeMs how long it had been draining before the native side began
   */
  constructor(path: string | undefined, drainedBeforeMs = 0) {
    this.#path = path;
    this.#drainedBeforeMs = drainedBeforeMs;
  }

  /**
   * Takes one record. What cannot be read becomes the closing's failure: this never throws.
   * @returns whether it was the last one
   */
  take(kind: number, record: RecordReader): boolean {
    try {
      this.#read(kind, record);
    } catch (error) {
      this.#failure ??= { error };
    }
    return endsJob(kind);
  }

  #read(kind: number, record: RecordReader): void {
    switch (kind) {
      case STEP: {
        const { step, ms } = record.step();
        this.#tell({ step, ms: step === "drain" ? ms + this.#drainedBeforeMs : ms });
        break;
      }
      case CLOSED:
        Object.assign(this.#closed, record.closed());
        break;
      case ERROR:
        record.outcome();
        this.#failure = { error: toError(record.error()) };
        break;
      default:
        throw unknownRecord(kind);
    }
  }

  /**
   * What was done.
   * @throws LibsqlError with SQLite's code where a connection could not be closed
   */
  result(): Closed {
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#closed;
  }

  #tell(step: ClosingStep): void {
    this.#closed.steps.push(step);
    const path = this.#path;
    if (path === undefined || !messages.hasSubscribers) return;
    this.#context.runInAsyncScope(() => messages.publish({ path, ...step }));
  }
}
