/** Cursors: the rows of a statement, fetched part by part from the lane on which the statement is open. */
import type { ResultSet } from "@libsql/core/api";
import { CallSignal } from "../../client/call-signal";
import { keptStatement } from "../../client/kept-statement";
import type { Part, RowSource } from "../../client/row-iterator";
import type { Statement } from "../../client/statement";
import { currentTrace, withTrace } from "../../client/tracing";
import { OPTIONS } from "../../client/statement-options";
import { nextJob } from "../native/delivery";
import { clientClosed, cursorClosed, NO_CURSOR } from "../native/errors";
import type { CursorOptions, CursorPlace } from "./part";

/** The most rows of a part without a limit of the caller's: a part has as many as an answer holds. */
export const MOST_ROWS = 2 ** 32 - 1;

/** Where a cursor can be opened. */
export interface CursorHost extends CursorPlace {
  /** Why none can be opened any more, and no row be handed on. */
  failure(): { error: unknown } | undefined;
  /** `opens` is told where its further rows come from, if that is not here. */
  openCursor(
    statement: Statement,
    how: CursorOptions,
    opens: (place: CursorPlace) => void,
  ): Promise<Part>;
  execute(statement: Statement, signal: CallSignal | undefined): ResultSet | Promise<ResultSet>;
}

export class Cursor implements RowSource {
  readonly #host: CursorHost;
  readonly #statement: Statement;
  readonly #signal: CallSignal | undefined;
  readonly #mostRows: number;
  readonly #controller = new AbortController();
  #place: CursorPlace;
  #open: CursorOptions | undefined;
  #hasEnded = false;
  #aborted: { error: unknown } | undefined;

  constructor(
    host: CursorHost,
    statement: Statement,
    signal: CallSignal | undefined,
    mostRows: number,
  ) {
    this.#host = host;
    this.#place = host;
    // The caller may change its arguments before it asks for the first row.
    this.#statement = keptStatement(statement);
    this.#signal = signal;
    this.#mostRows = mostRows;
  }

  failure(): { error: unknown } | undefined {
    if (this.#aborted !== undefined) return this.#aborted;
    // The last part has come before. The rows of it are not handed on any more.
    if (this.#signal?.aborted === true) return { error: this.#signal.reason };
    return this.#host.failure();
  }

  async fetch(): Promise<Part> {
    if (this.#hasEnded) throw cursorClosed();
    try {
      const part = await (this.#open === undefined ? this.#begin() : this.#place.fetch(this.#open));
      if (part.isLast) this.#end();
      return part;
    } catch (error) {
      // It is open where the call was refused.
      void this.close();
      // The abort has ended the call that was running.
      throw this.#aborted === undefined ? error : this.#aborted.error;
    }
  }

  async close(): Promise<void> {
    if (this.#hasEnded) return;
    this.#end();
    // What runs for it ends now: nobody waits for its rows.
    this.#controller.abort(clientClosed());
    if (this.#open === undefined) return;
    // Where the connection is closed, there is nothing to end.
    await this.#place.closeCursor(this.#open).catch(() => undefined);
  }

  async #begin(): Promise<Part> {
    this.#signal?.throwIfAborted();
    this.#signal?.add(this.#abort);
    const signal = CallSignal.of(this.#controller.signal);
    const options = this.#statement[OPTIONS];
    const how = { number: nextJob(), mostRows: this.#mostRows, signal, options };
    this.#open = how;
    const trace = currentTrace();
    try {
      return await this.#host.openCursor(this.#statement, how, (place) => {
        this.#place = place;
      });
    } catch (error) {
      if (error !== NO_CURSOR) throw error;
      this.#open = undefined;
      // The statement writes, for example: SQLite computes all of its rows before the first one.
      const run = (): ResultSet | Promise<ResultSet> => this.#host.execute(this.#statement, signal);
      const { rows } = await withTrace(trace, run);
      return { rows, isLast: true };
    }
  }

  #end(): void {
    this.#hasEnded = true;
    this.#signal?.remove(this.#abort);
  }

  readonly #abort = (): void => {
    this.#aborted = { error: this.#signal?.reason };
    void this.close();
  };
}
