/** The rows of a statement on a server, part by part as it sends them. */
import type { Part, RowSource } from "../client/row-iterator";
import { clientClosed } from "../client/errors";
import { keptStatement } from "../client/kept-statement";
import type { Statement } from "../client/statement";
import { OPTIONS } from "../client/statement-options";
import type { CallSignal } from "../client/call-signal";
import type { Call, Calls, RunOptions } from "./calls";
import { committedFailure, StatusFailure } from "./errors";
import { parseRunOptions } from "./options";
import { HAS_CURSORS, type WireStatement } from "./protocol";
import { ReceivedRows } from "./received-rows";
import { modesOf, rowMaker, toResultSet, type ReadModes } from "./results";
import type { Server, Stream, StreamUse } from "./server";
import { onlyReads, toWireStatement } from "./statement";

/** The most rows of a part without a limit of the caller's. */
const MOST_ROWS = 1_000;

/** The statuses of servers that have refused a cursor, or that have none. */
const REFUSING = new Set([400, 404, 405, 500, 501]);

/** What an iterator needs of its client. */
export interface CursorHost {
  readonly calls: Calls;
  readonly server: Server;
  readonly modes: ReadModes;
  /** The iterators that the client's closing ends. */
  readonly iterators: Set<Cursor>;
}

/**
 * Its first part is a call like any other. While it is open, it has a stream of its own, as a transaction has. A statement
 * that may write runs to its end with the first part: no writer waits for a consumer that rests. So does one on a server
 * without cursors.
 */
export class Cursor implements RowSource {
  readonly #host: CursorHost;
  readonly #statement: Statement;
  readonly #signal: CallSignal | undefined;
  readonly #mostRows: number;
  #options: RunOptions = {};
  #stream: Stream | undefined;
  #received: ReceivedRows | undefined;
  #makeRows: ReturnType<typeof rowMaker> | undefined;
  /** The call that fetches a part. */
  #call: Call | undefined;
  #hasEnded = false;
  /** Why it has ended, if neither its rows nor its caller have ended it. */
  #stopped: { error: unknown } | undefined;

  constructor(
    host: CursorHost,
    statement: Statement,
    signal: CallSignal | undefined,
    mostRows = MOST_ROWS,
  ) {
    this.#host = host;
    // The caller may change its arguments before it asks for the first row.
    this.#statement = keptStatement(statement);
    this.#signal = signal;
    this.#mostRows = mostRows;
  }

  failure(): { error: unknown } | undefined {
    if (this.#stopped !== undefined) return this.#stopped;
    // The last part has come before. The rows of it are not handed on any more.
    if (this.#signal?.aborted === true) return { error: this.#signal.reason };
    return this.#host.calls.isClosed ? { error: clientClosed() } : undefined;
  }

  async fetch(): Promise<Part> {
    try {
      const part = await (this.#received === undefined ? this.#first() : this.#next());
      if (part.isLast) this.#end();
      return part;
    } catch (error) {
      this.#end();
      throw this.#stopped === undefined ? error : this.#stopped.error;
    } finally {
      this.#call = undefined;
    }
  }

  async close(): Promise<void> {
    this.#end();
  }

  /** Its client is being closed. */
  abandon(): void {
    this.#stop(clientClosed());
  }

  #first(): Promise<Part> {
    const { calls, iterators } = this.#host;
    calls.check();
    const wire = toWireStatement(this.#statement);
    const isReading = onlyReads(wire);
    const onCall = (call: Call): void => void (this.#call = call);
    const options = parseRunOptions(this.#statement, this.#signal);
    this.#options = { ...options, onlyReads: isReading, onCall };
    const first = calls.run((call) => this.#begin(call, wire, isReading), this.#options);
    iterators.add(this);
    this.#signal?.add(this.#abort);
    return first;
  }

  #next(): Promise<Part> {
    const options = { ...this.#options, takesSlot: false, mayRetry: () => false };
    return this.#host.calls.run((call) => {
      // The statement was sent with the first part.
      call.isSent = true;
      return this.#read();
    }, options);
  }

  async #begin(call: Call, wire: WireStatement, isReading: boolean): Promise<Part> {
    if (!isReading) return await this.#whole(await this.#open(call, "call"), call, wire, false);
    const stream = await this.#open(call, "cursor");
    if (stream.version < HAS_CURSORS) return await this.#whole(stream, call, wire, true);
    try {
      this.#received = new ReceivedRows(await stream.openCursor(call, wire), this.#mostRows);
      return await this.#read();
    } catch (error) {
      stream.close();
      if (this.#received === undefined && isRefusal(error) && !call.isEnded) {
        return await this.#whole(await this.#open(call, "call"), call, wire, true);
      }
      this.#received = undefined;
      throw error;
    }
  }

  async #open(call: Call, use: StreamUse): Promise<Stream> {
    const stream = await this.#host.server.open(call, use);
    this.#stream = stream;
    // Its caller may have ended it while its call waited for a slot.
    if (!call.isEnded && !this.#hasEnded) return stream;
    stream.close();
    throw new Error("the call was ended");
  }

  /** The next rows that the server has sent. */
  async #read(): Promise<Part> {
    const { columns, rows, isLast } = await (this.#received as ReceivedRows).take();
    this.#makeRows ??= rowMaker(columns, this.#modes);
    return { rows: this.#makeRows(rows), isLast };
  }

  async #whole(stream: Stream, call: Call, wire: WireStatement, isReading: boolean): Promise<Part> {
    try {
      const answering = stream.execute(call, wire);
      stream.closeBehind();
      const answer = await answering;
      try {
        const { rows } = await toResultSet(answer, this.#modes);
        return { rows, isLast: true };
      } catch (reason) {
        throw isReading ? reason : committedFailure(reason);
      }
    } finally {
      stream.close();
    }
  }

  get #modes(): ReadModes {
    return modesOf(this.#host.modes, this.#statement[OPTIONS]);
  }

  readonly #abort = (): void => this.#stop(this.#signal?.reason);

  #stop(error: unknown): void {
    if (this.#hasEnded) return;
    this.#stopped = { error };
    this.#end();
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#host.iterators.delete(this);
    this.#signal?.remove(this.#abort);
    // Nobody waits for what runs for it. Its stream may not be open yet.
    this.#call?.end(clientClosed());
    this.#stream?.close();
  }
}

/**
 * Whether a server, or what is before it, may have refused the cursor itself: of a text with two statements a libSQL
 * server then says only that it has failed (HTTP status 500). A call of the other kind gives the rows, or the reason.
 */
function isRefusal(error: unknown): boolean {
  return error instanceof StatusFailure && REFUSING.has(error.status);
}
