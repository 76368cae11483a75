/**
 * The entries of a cursor by a WebSocket. hrana-client's own reader asks for the next ones ten times ahead: a server that
 * has not computed them yet then takes no request of other calls from the same connection. It also asks for those of a
 * cursor that the server has refused to open, and closes that: for either, the server ends the connection.
 */
import type * as hrana from "@libsql/hrana-client";
import type { WireBatch, WireEntry } from "../protocol";
import type { EntryReader } from "../server";

/** A server answers with so many entries at once, or fewer at the end. The first are few, so that they come early. */
const FIRST_COUNT = 16;
const MOST_COUNT = 1_024;

type Request = Parameters<hrana.WsClient["_sendRequest"]>[0];
type Response = Parameters<Parameters<hrana.WsClient["_sendRequest"]>[1]["responseCallback"]>[0];
type Fetched = Extract<Response, { type: "fetch_cursor" }>;

/** A cursor that is open. The closing of its stream closes it. */
export class WsEntries implements EntryReader {
  readonly #client: hrana.WsClient;
  readonly #cursorId: number;
  readonly #isClosed: () => boolean;
  #count = FIRST_COUNT;
  #entries: readonly WireEntry[] = [];
  #at = 0;
  #isDone = false;

  private constructor(client: hrana.WsClient, cursorId: number, isClosed: () => boolean) {
    this.#client = client;
    this.#cursorId = cursorId;
    this.#isClosed = isClosed;
  }

  /** Opens a cursor on a stream, and rejects if the server refuses it. `isClosed` says whether the stream was closed. */
  static async open(
    client: hrana.WsClient,
    streamId: number,
    batch: WireBatch,
    isClosed: () => boolean,
  ): Promise<WsEntries> {
    const cursorId = client._cursorIdAlloc.alloc();
    await send(client, { type: "open_cursor", streamId, cursorId, batch });
    return new WsEntries(client, cursorId, isClosed);
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
    // At a request for a cursor that was closed, the server ends the connection, with all that others have on it.
    if (this.#isClosed()) throw new Error("the stream of the cursor was closed");
    const request = {
      type: "fetch_cursor",
      cursorId: this.#cursorId,
      maxCount: this.#count,
    } as const;
    return (await send(this.#client, request)) as Fetched;
  }
}

function send(client: hrana.WsClient, request: Request): Promise<Response> {
  return new Promise((responseCallback, errorCallback) => {
    client._sendRequest(request, { responseCallback, errorCallback });
  });
}

/** Opens a stream, and tells its id, which hrana-client keeps to itself. */
export function openStream(client: hrana.WsClient): { stream: hrana.WsStream; id: number } {
  const ids: Partial<hrana.WsClient["_streamIdAlloc"]> = client._streamIdAlloc;
  const id = client._streamIdAlloc.alloc();
  // What was allocated and freed is not what the next call allocates: the method itself has to say this one.
  ids.alloc = () => id;
  try {
    return { stream: client.openStream(), id };
  } finally {
    delete ids.alloc;
  }
}
