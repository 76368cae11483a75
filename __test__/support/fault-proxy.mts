/** A proxy on loopback that does to connections what networks and servers do. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/**
 * - "pass": passes everything on.
 * - "swallow": passes requests on, and ends the connection at the first byte of an answer.
 * - "hold": takes everything and passes nothing on, as a network that has lost its route.
 *
 * A connection that was held once stays dead.
 */
export type FaultMode = "pass" | "swallow" | "hold";

export class FaultProxy {
  mode: FaultMode = "pass";
  /** The connections that were made to it. */
  connections = 0;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #onRequest: Array<() => void> = [];
  #cutAfter = Infinity;

  private constructor(target: number) {
    this.#server = createServer((client) => this.#serve(client, target));
  }

  static async start(target: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends the next connection after so many bytes of answers, once. */
  cutAfter(bytes: number): void {
    this.#cutAfter = bytes;
  }

  /** Resolves when the next part of a request has been passed on. */
  async nextRequest(): Promise<void> {
    await new Promise<void>((resolve) => void this.#onRequest.push(resolve));
  }

  /** Ends all connections. Resolves when the other side has been told. */
  async drop(): Promise<void> {
    const ended = [...this.#open].map((socket) => once(socket, "close"));
    for (const socket of this.#open) socket.destroy();
    await Promise.all(ended);
  }

  async stop(): Promise<void> {
    this.#server.close();
    await this.drop();
  }

  #serve(client: Socket, target: number): void {
    this.connections++;
    const server = connect(target, "127.0.0.1");
    let isDead = false;
    const passes = (): boolean => {
      isDead ||= this.mode === "hold";
      return !isDead;
    };
    for (const socket of [client, server]) {
      this.#open.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#open.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on("data", (data) => {
      if (!passes()) return;
      server.write(data);
      for (const heard of this.#onRequest.splice(0)) heard();
    });
    server.on("data", (data) => {
      if (!passes()) return;
      if (this.mode === "swallow") return void client.destroy();
      if (data.length <= this.#cutAfter) {
        this.#cutAfter -= data.length;
        client.write(data);
        return;
      }
      client.end(data.subarray(0, this.#cutAfter));
      this.#cutAfter = Infinity;
    });
  }
}
