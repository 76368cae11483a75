/** Rows as they come: the asynchronous iterator over the rows of a statement. */
import type { Row } from "@libsql/core/api";
import type { RowIterator } from "../../index.js";
import { errorOf } from "./failure";
import type { Part, RowSource } from "./row-source";
import { tracedSource } from "./traced-source";

export type { Part, RowSource } from "./row-source";

/** The rows of a call that answers with all of them at once. */
export class WholeResult implements RowSource {
  readonly #run: () => Promise<{ rows: readonly Row[] }>;
  readonly #failure: RowSource["failure"];

  constructor(run: () => Promise<{ rows: readonly Row[] }>, failure: RowSource["failure"]) {
    this.#run = run;
    this.#failure = failure;
  }

  failure(): { error: unknown } | undefined {
    return this.#failure();
  }

  async fetch(): Promise<Part> {
    const { rows } = await this.#run();
    return { rows, isLast: true };
  }

  async close(): Promise<void> {
    // It has ended, or its signal ends it.
  }
}

/** The rows of another source, until something ends that these belong to. */
export class RowsWithin implements RowSource {
  readonly #source: RowSource;
  readonly #ended: RowSource["failure"];

  constructor(source: RowSource, ended: RowSource["failure"]) {
    this.#source = source;
    this.#ended = ended;
  }

  failure(): { error: unknown } | undefined {
    return this.#ended() ?? this.#source.failure();
  }

  fetch(): Promise<Part> {
    return this.#source.fetch();
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

/** Ends the statements of iterators that nobody can reach any more. Nothing may rely on this. Some web runtimes have none. */
const forgotten =
  typeof FinalizationRegistry === "undefined"
    ? undefined
    : new FinalizationRegistry<RowSource>((source) => void source.close());

/** An iterator. One part is fetched ahead while the caller has another. */
export class Rows<R> implements RowIterator<R> {
  readonly #source: RowSource;
  #rows: readonly Row[] = [];
  #at = 0;
  /** The part that is being fetched. */
  #ahead: Promise<Part> | undefined;
  #hasEnded = false;
  #closed = Promise.resolve();
  /** The last of the calls of `next()` that wait. */
  #waiting: Promise<unknown> | undefined;
  /** The number of these calls, and the number of the last one that has ended. */
  #turns = 0;
  #left = 0;

  constructor(source: RowSource) {
    this.#source = tracedSource(source);
    forgotten?.register(this, this.#source, this);
  }

  next(): Promise<IteratorResult<R, undefined>> {
    if (this.#at < this.#rows.length && this.#waiting === undefined) {
      if (this.#source.failure() === undefined) {
        const value = this.#rows[this.#at++] as R;
        return Promise.resolve({ done: false, value });
      }
    }
    return this.#inTurn((turn) => this.#next(turn));
  }

  async return(): Promise<IteratorResult<R, undefined>> {
    await this.#end();
    return { done: true, value: undefined };
  }

  async throw(error?: unknown): Promise<IteratorResult<R, undefined>> {
    await this.#end();
    throw error;
  }

  chunks(): AsyncIterableIterator<R[]> {
    const next = (): Promise<IteratorResult<R[], undefined>> =>
      this.#inTurn((turn) => this.#nextChunk(turn));
    const chunks: AsyncIterableIterator<R[]> = {
      next,
      return: async () => {
        await this.#end();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => chunks,
    };
    return chunks;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  async #next(turn: number): Promise<IteratorResult<R, undefined>> {
    try {
      if (!(await this.#advance())) return { done: true, value: undefined };
      return { done: false, value: this.#rows[this.#at++] as R };
    } catch (failure) {
      throw errorOf(failure);
    } finally {
      this.#leave(turn);
    }
  }

  async #nextChunk(turn: number): Promise<IteratorResult<R[], undefined>> {
    try {
      if (!(await this.#advance())) return { done: true, value: undefined };
      const value = this.#rows.slice(this.#at) as R[];
      this.#at = this.#rows.length;
      return { done: false, value };
    } catch (failure) {
      throw errorOf(failure);
    } finally {
      this.#leave(turn);
    }
  }

  /**
   * Calls that are made at once get the rows in their order. The promise of `run` is the one that the caller awaits, and
   * nothing else does: its stack has the caller's frames.
   */
  #inTurn<T>(run: (turn: number) => Promise<T>): Promise<T> {
    const turn = ++this.#turns;
    const start = (): Promise<T> => run(turn);
    const earlier = this.#waiting;
    const waiting = earlier === undefined ? start() : earlier.then(start, start);
    // It may have ended already.
    if (turn !== this.#left) this.#waiting = waiting;
    return waiting;
  }

  /** The call of this turn has ended. */
  #leave(turn: number): void {
    this.#left = turn;
    if (turn === this.#turns) this.#waiting = undefined;
  }

  /** Sees to it that there is a row. Returns false if there is none any more. */
  async #advance(): Promise<boolean> {
    while (this.#at >= this.#rows.length) {
      if (this.#hasEnded) return false;
      this.#check();
      let part: Part;
      try {
        part = await (this.#ahead ?? this.#source.fetch());
      } catch (error) {
        // Its caller has ended it meanwhile, and with it what it was waiting for.
        if (this.#hasEnded) return false;
        void this.#end();
        throw error;
      }
      this.#ahead = undefined;
      // It may have been ended meanwhile.
      if (this.#hasEnded) return false;
      this.#rows = part.rows;
      this.#at = 0;
      if (part.isLast) this.#finish();
      else this.#fetchAhead();
    }
    this.#check();
    return true;
  }

  #fetchAhead(): void {
    this.#ahead = this.#source.fetch();
    // It is read later, or never.
    this.#ahead.catch(() => undefined);
  }

  #check(): void {
    const failure = this.#source.failure();
    if (failure === undefined) return;
    void this.#end();
    throw failure.error;
  }

  /** There are no further parts. */
  #finish(): void {
    this.#hasEnded = true;
    forgotten?.unregister(this);
  }

  #end(): Promise<void> {
    this.#rows = [];
    this.#at = 0;
    if (!this.#hasEnded) {
      this.#finish();
      this.#closed = this.#source.close();
    }
    return this.#closed;
  }
}
