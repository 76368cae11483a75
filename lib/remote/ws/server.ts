/** A server that is reached over a WebSocket, which all streams of a client share. */
import * as hrana from "@libsql/hrana-client";
import { clientClosed } from "../../client/errors";
import type { Failure } from "../../client/failure";
import type { Address } from "../address";
import type { Call } from "../calls";
import { hranaFailure, statementFailure } from "../errors";
import type { Idleness } from "../idleness";
import type { WireBatch } from "../protocol";
import type { EntryReader, Server, Stream } from "../server";
import { HranaStream } from "../stream";
import { Connection } from "./connection";
import { openStream, WsEntries } from "./entries";

/** After so long, in ms, a connection is replaced: servers and proxies end old ones. */
const LONGEST_AGE_MS = 60_000;

export class WsServer implements Server {
  readonly protocol = "ws";
  readonly #address: Address;
  #current: Connection | undefined;
  /** The connection that is being opened. */
  #opening: Promise<Connection> | undefined;
  /** Counts the closings: a connection that was opened before one is not used after it. */
  #closings = 0;

  constructor(address: Address) {
    this.#address = address;
  }

  get url(): string {
    return this.#address.url;
  }

  get connections(): number {
    return this.#current?.isUsable === true ? 1 : 0;
  }

  async open(call: Call): Promise<Stream> {
    if (this.#current?.idleness.isLong) await this.#current.idleness.see();
    // After a close() of the client, nobody would close the connection that is opened for this call.
    if (call.isEnded) throw new Error("the call was ended");
    const connection = this.#usable() ?? (await this.#connect());
    if (connection.isSilent) await connection.check();
    if (!connection.isUsable) throw await connection.refusal();
    if (call.isEnded) throw new Error("the call was ended");
    return new WsStream(connection);
  }

  async connect(): Promise<void> {
    await this.#connect();
  }

  close(): void {
    this.#closings++;
    this.#current?.close();
    this.#current = undefined;
    this.#opening = undefined;
  }

  /** The current connection. One that has become old is replaced behind it, which takes no time of a call. */
  #usable(): Connection | undefined {
    const current = this.#current;
    if (current?.isUsable !== true) return undefined;
    const isOld = performance.now() - current.openedAt > LONGEST_AGE_MS;
    // Where that fails, the old one still serves.
    if (isOld) this.#connect().catch(() => undefined);
    return current;
  }

  #connect(): Promise<Connection> {
    if (this.#opening !== undefined) return this.#opening;
    const opening = this.#open().finally(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    this.#opening = opening;
    return opening;
  }

  async #open(): Promise<Connection> {
    const closings = this.#closings;
    const token = await this.#address.token();
    const connection = new Connection(this.#address, token);
    await connection.ready();
    if (closings !== this.#closings) {
      connection.close();
      throw clientClosed();
    }
    this.#current?.retire();
    this.#current = connection;
    return connection;
  }
}

class WsStream extends HranaStream {
  readonly #connection: Connection;
  readonly #id: number;
  #isOver = false;

  constructor(connection: Connection) {
    const { stream, id } = openStream(connection.client);
    super(stream, connection.version);
    this.#id = id;
    this.#connection = connection;
    connection.enter();
  }

  override get isClosed(): boolean {
    return super.isClosed || !this.#connection.isUsable;
  }

  override get loss(): Failure | undefined {
    return this.#connection.isUsable ? undefined : this.#connection.unsent();
  }

  override close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    super.close();
    this.#connection.leave();
  }

  protected override open(batch: WireBatch): Promise<EntryReader> {
    return WsEntries.open(this.#connection.client, this.#id, batch, () => this.#isOver);
  }

  protected override get idleness(): Idleness {
    return this.#connection.idleness;
  }

  protected override begin(call: Call): void {
    if (!this.#connection.isUsable) throw this.#connection.unsent();
    call.isSent = true;
  }

  protected override reasonOf(error: unknown): unknown {
    const isOpen = this.#connection.isUsable;
    if (error instanceof hrana.ResponseError) {
      // Of a connection that is closed, it is the answer to its greeting: nothing was carried out.
      return isOpen
        ? statementFailure({ message: error.message, code: error.code })
        : hranaFailure(error, "answered");
    }
    if (error instanceof hrana.ProtoError) return hranaFailure(error, "lost");
    if (error instanceof SyntaxError) {
      return hranaFailure(new hrana.ProtoError(error.message), "lost");
    }
    return this.#connection.lost(error);
  }
}
