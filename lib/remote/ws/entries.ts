/**
 * The entries of a cursor by a WebSocket. hrana-client's own reader asks for the next ones ten times ahead: a server that
 * has not computed them yet then takes no request of other calls from the same connection.
 */
import type * as hrana from "@libsql/hrana-client";
import type { WireEntry } from "../protocol";
import type { EntryReader } from "../server";

/** A server answers with so many entries at once, or fewer at the end. The first are few, so that they come early. */
const FIRST_COUNT = 16;
const MOST_COUNT = 1_024;

export type WsCursor = Awaited<ReturnType<hrana.WsStream["_openCursor"]>>;
type Response = Awaited<ReturnType<hrana.WsStream["_sendCursorRequest"]>>;
type Fetched = Extract<Response, { type: "fetch_cursor" }>;

export class WsEntries implements EntryReader {
  readonly #stream: hrana.WsStream;
  readonly #cursor: WsCursor;
  readonly #cursorId: number;
  #count = FIRST_COUNT;
  #entries: readonly WireEntry[] = [];
  #at = 0;
  #isDone = false;

  constructor(stream: hrana.WsStream, cursor: WsCursor, cursorId: number) {
    this.#stream = stream;
    this.#cursor = cursor;
    this.#cursorId = cursorId;
  }

  async next(): Promise<WireEntry | undefined> {
    while (this.#at === this.#entries.length) {
      if (this.#isDone) return undefined;
      const { entries, done } = await this.#fetch();
      this.#entries = entries;
      this.#at = 0;
      this.#isDone = done;
      this.#count = Math.min(this.#count * 2, MOST_COUNT);
    }
    return this.#entries[this.#at++];
  }

  async #fetch(): Promise<Fetched> {
    try {
      const request = {
        type: "fetch_cursor",
        cursorId: this.#cursorId,
        maxCount: this.#count,
      } as const;
      return (await this.#stream._sendCursorRequest(this.#cursor, request)) as Fetched;
    } catch (error) {
      // If the server has refused to open it, hrana-client knows why.
      if (this.#cursor.closed) await this.#cursor.next();
      throw error;
    }
  }
}

/** The id that the next cursor of a client of hrana-client will have. */
export function nextCursorId({ _cursorIdAlloc: ids }: hrana.WsClient): number {
  const id = ids.alloc();
  ids.free(id);
  return id;
}
