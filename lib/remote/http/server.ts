/** A server that is reached over HTTP. Each stream is a sequence of requests; nothing stays connected. */
import * as hrana from "@libsql/hrana-client";
import type { Address } from "../address";
import type { Call } from "../calls";
import { Idleness } from "../idleness";
import { HAS_CURSORS } from "../protocol";
import type { Server, Stream, StreamUse } from "../server";
import { HranaStream } from "../stream";
import { Exchange, type Fetch } from "./exchange";
import { Negotiation, useCursors } from "./negotiation";

export class HttpServer implements Server {
  readonly protocol = "http";
  readonly connections = 0;
  readonly #address: Address;
  readonly #fetch: Fetch;
  readonly #negotiation = new Negotiation();
  readonly #idleness = new Idleness();

  constructor(address: Address, fetch: Fetch) {
    this.#address = address;
    this.#fetch = fetch;
  }

  get url(): string {
    return this.#address.url;
  }

  async open(call: Call, use: StreamUse): Promise<Stream> {
    if (this.#idleness.isLong) await this.#idleness.see();
    const exchange = new Exchange(this.#address, this.#fetch, this.#idleness);
    exchange.begin(call);
    // A single call gains nothing by a higher version, which costs its client a request, once.
    if (use !== "call") {
      exchange.version = await this.#negotiation.version((path) => exchange.ask(path));
    }
    const client = hrana.openHttp(this.#address.target, undefined, exchange.fetch);
    if (use === "cursor" && exchange.version >= HAS_CURSORS) {
      await useCursors(client);
      exchange.readsLines = true;
    }
    return new HttpStream(client.openStream(), exchange.version, exchange);
  }

  async connect(): Promise<void> {}

  close(): void {}
}

class HttpStream extends HranaStream {
  readonly #exchange: Exchange;

  constructor(raw: hrana.HttpStream, version: number, exchange: Exchange) {
    super(raw, version);
    this.#exchange = exchange;
  }

  override close(): void {
    this.#exchange.isClosing = true;
    super.close();
  }

  protected override get idleness(): Idleness {
    return this.#exchange.idleness;
  }

  protected override begin(call: Call): void {
    this.#exchange.begin(call);
  }

  protected override reasonOf(error: unknown): unknown {
    return this.#exchange.reasonOf(error);
  }
}
