/** The requests of one stream over HTTP: their token, their end, and why they fail. */
import * as hrana from "@libsql/hrana-client";
import { setImmediate } from "../../client/timers";
import type { Address } from "../address";
import type { Call } from "../calls";
import { badToken, hranaFailure, RequestFailure, statementFailure } from "../errors";
import type { Idleness } from "../idleness";
import { withReadableReals } from "../infinite-reals";
import { networkFailure } from "../network-errors";
import { checkRedirect, statusFailure } from "./answers";
import { Lines } from "./lines";
import { inVersion, VERSION } from "./negotiation";

/** `fetch`, the runtime's or the caller's own. */
export type Fetch = (request: Request, init?: RequestInit) => Promise<Response>;

/** The longest that a request to close a stream may take, in ms: nobody waits for it. */
const CLOSING_MS = 5_000;
/** An answer of so many characters takes milliseconds to read. */
const LONG = 1_000_000;

export class Exchange {
  /** The protocol's version. */
  version = VERSION;
  /** Whether the answers are lines, to be read as they come: all but that of the closing. */
  readsLines = false;
  /** Whether the stream was closed: what is still sent serves to tell the server. */
  isClosing = false;
  readonly #address: Address;
  readonly #fetch: Fetch;
  /** How long nothing was heard of the server. */
  readonly idleness: Idleness;
  #call: Call | undefined;
  #isAnswered = false;
  /** Why a request was not sent or was not answered, as found here. */
  #reason: { reason: unknown } | undefined;

  constructor(address: Address, fetch: Fetch, idleness: Idleness) {
    this.idleness = idleness;
    this.#address = address;
    this.#fetch = fetch;
  }

  /** The requests from now on are those of this call. */
  begin(call: Call): void {
    this.#call = call;
    this.#isAnswered = false;
  }

  /** What hrana-client calls instead of `fetch`. */
  readonly fetch = async (request: Request): Promise<Response> => {
    const hasLines = this.readsLines && new URL(request.url).pathname.endsWith("/cursor");
    const response = await this.#send(await inVersion(this.version, request));
    if (!response.ok) throw this.#keep(await statusFailure(response, this.#address));
    // A server says of no other content that it is JSON. A redirected cursor without a body is refused by its status.
    const redirected = hasLines ? undefined : checkRedirect(response);
    if (redirected !== undefined) throw this.#keep(redirected);
    this.#isAnswered = true;
    this.idleness.heard();
    if (hasLines && response.body !== null) {
      const lines = new Lines(response.body.getReader(), this.idleness);
      return Object.defineProperty(response, "body", { value: lines });
    }
    const json = (): Promise<unknown> => this.#json(response);
    return Object.defineProperty(response, "json", { value: json });
  };

  /** Sends a request without a body to a path of the server. Its status may be one of an error. */
  async ask(path: string): Promise<Response> {
    const response = await this.#send(new Request(new URL(path, this.#address.target)));
    // Its text says nothing that is needed. Until it is read, the connection serves nothing else.
    await response.arrayBuffer();
    return response;
  }

  /** What to throw for an error of hrana-client, or for one that `fetch` has thrown. */
  reasonOf(error: unknown): unknown {
    if (this.#reason !== undefined) return this.#reason.reason;
    if (error instanceof RequestFailure) return error;
    if (error instanceof hrana.ResponseError) {
      return statementFailure({
        message: this.#address.redact(error.message),
        code: error.code,
      });
    }
    if (error instanceof hrana.ClientError)
      return hranaFailure(error, this.#isAnswered ? "lost" : "unsent");
    // The answer began, and could not be read.
    if (error instanceof SyntaxError) return hranaFailure(unreadable(error), "lost");
    return networkFailure(error, this.#address.url);
  }

  /** Reads an answer, a long one in several turns of the event loop: hrana-client's part has one of its own. */
  async #json(response: Response): Promise<unknown> {
    const text = await response.text();
    if (text.length < LONG) return JSON.parse(withReadableReals(text) ?? text);
    await this.#turn();
    const parsed: unknown = JSON.parse(withReadableReals(text) ?? text);
    await this.#turn();
    return parsed;
  }

  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    if (this.#call?.isEnded === true) throw this.#keep(new Error("the call was ended"));
  }

  async #send(request: Request): Promise<Response> {
    const call = this.#call;
    const token = await this.#token();
    this.#setHeader(request, "authorization", token && `Bearer ${token}`, "authToken");
    const key = this.#address.encryptionKey;
    this.#setHeader(request, "x-turso-encryption-key", key, "remoteEncryptionKey");
    // There is no network whose time compression would save, and it takes a third of a small request's time. Of an
    // answer that is read line by line, it would hold lines back.
    if (this.#address.isLoopback || this.readsLines)
      request.headers.set("accept-encoding", "identity");
    if (this.isClosing)
      return await this.#fetch(request, { signal: AbortSignal.timeout(CLOSING_MS) });
    if (call === undefined || call.isEnded) throw this.#keep(new Error("the call was ended"));
    call.isSent = true;
    try {
      return await this.#fetch(request, { signal: call.abortSignal });
    } catch (error) {
      throw this.#keep(networkFailure(error, this.#address.url));
    }
  }

  /** The caller's function may throw: that is an error of the caller's own. */
  async #token(): Promise<string | undefined> {
    try {
      const token = this.#address.token();
      return token instanceof Promise ? await token : token;
    } catch (error) {
      throw this.#keep(error);
    }
  }

  #setHeader(request: Request, name: string, value: string | undefined, option: string): void {
    if (!value) return;
    try {
      request.headers.set(name, value);
    } catch {
      // The error of the runtime has the value in its message.
      throw this.#keep(badToken(option));
    }
  }

  /** Keeps the reason, which hrana-client may wrap. */
  #keep(reason: unknown): unknown {
    this.#reason ??= { reason };
    return reason;
  }
}

function unreadable(error: SyntaxError): hrana.ClientError {
  const text = `The server's answer is not what the protocol says (${error.message})`;
  return Object.assign(new hrana.ProtoError(text), { cause: error });
}
