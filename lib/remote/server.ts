/** A server as a client sees it, whatever the protocol. */
import type { Failure } from "../client/failure";
import type { Call } from "./calls";
import type {
  WireBatchResult,
  WireDescription,
  WireEntry,
  WireResult,
  WireStatement,
  WireStep,
} from "./protocol";

/** What a stream is opened for: one call, the calls of an interactive transaction, or the rows of a cursor. */
export type StreamUse = "call" | "transaction" | "cursor";

export interface Server {
  readonly protocol: "http" | "ws";
  /** Its URL, without secrets. */
  readonly url: string;
  /** The number of connections that it keeps open. */
  readonly connections: number;
  /**
   * Opens a stream.
   * @throws RequestFailure "unsent" if the server cannot be reached
   */
  open(call: Call, use: StreamUse): Promise<Stream>;
  /** Connects, if the protocol has something to connect. */
  connect(): Promise<void>;
  /** Closes all connections. Later streams open new ones. */
  close(): void;
}

/**
 * One connection to the database, on which requests are carried out in their order. Each rejects with a
 * Failure if the server refuses the statement, and with a RequestFailure if the stream is over.
 */
export interface Stream {
  /** The protocol's version. */
  readonly version: number;
  readonly isClosed: boolean;
  /** Why it is over, if its connection has ended by itself. */
  readonly loss: Failure | undefined;
  /** Lets the runtime see whether its connection has ended meanwhile. */
  see(): Promise<void>;
  execute(call: Call, statement: WireStatement): Promise<WireResult>;
  batch(call: Call, steps: WireStep[]): Promise<WireBatchResult>;
  sequence(call: Call, sql: string): Promise<void>;
  describe(call: Call, sql: string): Promise<WireDescription>;
  /** Begins a statement whose rows are then read one after another. The protocol's version must have it. */
  openCursor(call: Call, statement: WireStatement): Promise<EntryReader>;
  /** Closes it behind the requests that were made. They are sent together, where the protocol can. */
  closeBehind(): void;
  /** Closes it now. The server rolls an open transaction back. */
  close(): void;
}

/** What a server sends of a statement's rows. */
export interface EntryReader {
  /** The next entry; undefined behind the last one. Rejects as the requests of the stream do. */
  next(): Promise<WireEntry | undefined>;
}
