/** One WebSocket to a server, and the streams on it. */
import * as hrana from "@libsql/hrana-client";
import { LibsqlError } from "@libsql/core/api";
import { isError } from "../../client/errors";
import { clearTimeout, setTimeout } from "../../client/timers";
import type { Address } from "../address";
import { hranaFailure, RequestFailure } from "../errors";
import { Idleness } from "../idleness";
import { withReadableReals } from "../infinite-reals";
import { hasEntries, withKnownEntries } from "../known-entries";
import { networkFailure } from "../network-errors";
import { withoutStacks } from "../without-stacks";

/** How long the handshake may take, in ms. */
const HANDSHAKE_MS = 10_000;
/** How long the server may take to answer a check, in ms. */
const CHECK_MS = 5_000;
/** After so long without a message, in ms, nobody knows whether the server still hears. */
const SILENCE_MS = 10_000;
/**
 * The versions that are offered, the best first. The server picks one. None with protobuf: hrana-client reads
 * its texts without a byte order mark that they begin with.
 */
const SUBPROTOCOLS = ["hrana3", "hrana2", "hrana1"];

/**
 * For Node's `ws`, which ends a connection at a message of more than 100 MiB if nothing else is said: how long
 * an answer may be is the server's to say. Other WebSockets take no third argument, and ignore it.
 */
const OPTIONS = { maxPayload: 0 };
const WebSocketOfRuntime = hrana.WebSocket as new (
  url: string,
  protocols: string[],
  options: typeof OPTIONS,
) => InstanceType<typeof hrana.WebSocket>;

const CODES = { unsentCode: "HRANA_WEBSOCKET_ERROR", lostCode: "HRANA_WEBSOCKET_ERROR" };

/** The part of a WebSocket that is used here. */
interface Socket {
  readonly readyState: number;
  addEventListener(type: string, listener: (event: unknown) => void): void;
  close(): void;
  /** Ends it without a farewell. Only the WebSockets of Node's `ws` have it. */
  terminate?(): void;
}

const OPEN = 1;

export class Connection {
  readonly client: hrana.WsClient;
  readonly openedAt = performance.now();
  readonly #socket: Socket;
  readonly #address: Address;
  #version = 0;
  #streams = 0;
  readonly idleness = new Idleness();
  /** What the socket has said of its end. */
  #socketError: unknown;
  /** How the server, or the network, has ended it. */
  #end: string | undefined;
  #check: Promise<void> | undefined;
  #watch: NodeJS.Timeout | undefined;
  /** Whether it is to be closed behind its last stream. */
  #isRetired = false;

  /** Begins the handshake. `ready` waits for its end. */
  constructor(address: Address, token: string | undefined) {
    this.#address = address;
    const socket = new WebSocketOfRuntime(address.target, SUBPROTOCOLS, OPTIONS);
    this.#socket = socket as unknown as Socket;
    this.#socket.addEventListener("error", (event) => {
      const { error, message } = event as { error?: unknown; message?: unknown };
      this.#socketError ??= isError(error) ? error : message;
    });
    this.#socket.addEventListener("close", (event) => {
      const { code, reason } = event as { code?: number; reason?: string };
      this.#end = `closed with code ${code}${reason ? `: ${reason}` : ""}`;
    });
    this.#socket.addEventListener("message", () => {
      this.idleness.heard();
    });
    makeReadable(this.#socket);
    this.client = new hrana.WsClient(socket, token);
  }

  /** The version of the protocol that the server has picked. */
  get version(): number {
    return this.#version;
  }

  /** Whether streams can be opened on it, as far as is known. */
  get isUsable(): boolean {
    return !this.client.closed && this.#socket.readyState === OPEN;
  }

  /** Whether the server was silent for so long that it may be gone. */
  get isSilent(): boolean {
    return this.idleness.ms > SILENCE_MS;
  }

  /**
   * Waits for the end of the handshake.
   * @throws RequestFailure "unsent"
   */
  async ready(): Promise<void> {
    try {
      this.#version = await within(HANDSHAKE_MS, this.client.getVersion(), "the handshake");
    } catch (error) {
      this.fail();
      const reason = this.#socketError ?? error;
      throw networkFailure(reason, this.#address.url, { ...CODES, isUnsent: true });
    }
  }

  /**
   * Asks the server for a sign of life. Simultaneous callers share one question.
   * @throws RequestFailure "unsent", for a request that is to be sent after it
   */
  check(): Promise<void> {
    this.#check ??= this.#ask().finally(() => (this.#check = undefined));
    return this.#check;
  }

  async #ask(): Promise<void> {
    const stream = this.client.openStream();
    try {
      await within(CHECK_MS, stream.describe("SELECT 1"), "a check of the connection");
    } catch (error) {
      // An error of the server's is a sign of life, too.
      if (error instanceof hrana.ResponseError && this.isUsable) return;
      this.#socketError ??= error;
      this.fail();
      throw this.unsent();
    } finally {
      if (!this.client.closed) stream.close();
    }
  }

  /** A stream begins. Meanwhile a server that falls silent is asked for a sign of life. */
  enter(): void {
    this.#streams++;
    this.#watch ??= setTimeout(() => this.#look(), SILENCE_MS);
  }

  /** A stream has ended. */
  leave(): void {
    this.#streams--;
    if (this.#streams > 0) return;
    clearTimeout(this.#watch);
    this.#watch = undefined;
    if (this.#isRetired) this.client.close();
  }

  #look(): void {
    this.#watch = setTimeout(() => this.#look(), SILENCE_MS);
    // The requests that wait for answers learn of it by the end of the connection.
    if (this.isSilent) this.check().catch(() => undefined);
  }

  /** Closes it behind its last stream. */
  retire(): void {
    this.#isRetired = true;
    if (this.#streams === 0) this.client.close();
  }

  /** Closes it, with all streams on it. */
  close(): void {
    clearTimeout(this.#watch);
    this.#watch = undefined;
    withoutStacks(() => this.client.close());
  }

  /** Ends it without waiting for the server, which does not answer. */
  fail(): void {
    this.close();
    this.#socket.terminate?.();
  }

  /** For a request that finds the connection closed. */
  unsent(): RequestFailure {
    const { url } = this.#address;
    if (this.#socketError !== undefined) {
      const failure = networkFailure(this.#socketError, url, { ...CODES, isUnsent: true });
      return new RequestFailure("unsent", failure.make as never, "at once");
    }
    const detail = this.#end ?? "closed";
    const text = `the connection to ${url} has ended (${detail}). The request was not sent`;
    return new RequestFailure("unsent", () => new LibsqlError(text, CODES.unsentCode), "at once");
  }

  /** For a stream that finds the connection closed: the server may have refused its greeting. */
  async refusal(): Promise<RequestFailure> {
    const error = await this.client.getVersion().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return error instanceof hrana.ResponseError ? hranaFailure(error, "answered") : this.unsent();
  }

  /** For a request whose answer did not come before the end of the connection. */
  lost(error: unknown): RequestFailure {
    return networkFailure(this.#socketError ?? error, this.#address.url, CODES);
  }
}

/** From now on, listeners are given messages that hrana-client can read. */
function makeReadable(socket: Socket): void {
  const add = socket.addEventListener.bind(socket);
  socket.addEventListener = (type, listener) =>
    add(type, type === "message" ? (event) => listener(withReadableData(event)) : listener);
}

function withReadableData(event: unknown): unknown {
  const { data } = event as { data: unknown };
  if (typeof data !== "string") return event;
  const reals = withReadableReals(data);
  const readable = (hasEntries(data) ? withKnownEntries(reals ?? data) : undefined) ?? reals;
  return readable === undefined ? event : { data: readable };
}

async function within<T>(limitMs: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} was not answered within ${limitMs / 1000} s`)),
      limitMs,
    );
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
