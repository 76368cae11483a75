/** The trace of an iterator: from its first fetch to its end. */
import { errorOf } from "./failure";
import type { Part, RowSource } from "./row-source";
import { currentTrace, publishEnd, started, Trace, withTrace, type TracedPlace } from "./tracing";

/** The source of an iterator that is being made, traced if its call is. */
export function tracedSource(source: RowSource): RowSource {
  const trace = currentTrace();
  return trace === undefined ? source : new TracedSource(source, trace);
}

class TracedSource implements RowSource {
  readonly #source: RowSource;
  readonly #place: TracedPlace;
  readonly #sql: string;
  #trace: Trace | undefined;
  #isClosing = false;
  #hasEnded = false;

  constructor(source: RowSource, { context }: Trace) {
    this.#source = source;
    this.#sql = context.sql;
    this.#place = context;
  }

  failure(): { error: unknown } | undefined {
    return this.#source.failure();
  }

  async fetch(): Promise<Part> {
    const fetch = (): Promise<Part> => this.#source.fetch();
    try {
      let fetching: Promise<Part>;
      if (this.#trace === undefined) {
        this.#trace = new Trace("iterate", this.#sql, this.#place);
        fetching = started(this.#trace, fetch);
      } else {
        fetching = withTrace(this.#trace, fetch);
      }
      const part = await fetching;
      if (!this.#hasEnded) this.#trace.context.rows += part.rows.length;
      if (part.isLast) this.#end(undefined);
      return part;
    } catch (failure) {
      // One that is under way when the caller ends the iterator fails, and nobody hears of it.
      if (!this.#isClosing) this.#end({ error: errorOf(failure) });
      throw failure;
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const failure = this.#source.failure();
    await this.#source.close();
    this.#end(failure && { error: errorOf(failure.error) });
  }

  #end(failed: { error: unknown } | undefined): void {
    if (this.#trace === undefined || this.#hasEnded) return;
    this.#hasEnded = true;
    publishEnd(this.#trace, failed);
  }
}
