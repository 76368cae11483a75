/** How long nothing was heard of a server. */
import { setImmediate } from "../client/timers";

/** After so long, in ms, the end of a connection may have come that the runtime has not seen yet. */
const UNSEEN_MS = 5;
/** So many turns of the event loop bring it: one reads the sockets, the others close what has ended. */
const TURNS = 3;

export class Idleness {
  #heardAt = performance.now();

  /** Something was heard. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  get ms(): number {
    return performance.now() - this.#heardAt;
  }

  /** Whether `see` has something to wait for. */
  get isLong(): boolean {
    return this.ms >= UNSEEN_MS;
  }

  /**
   * Lets the runtime see what has come meanwhile. Where JavaScript has kept the event loop, the server may
   * have ended the connection long ago: a request on it would be lost, and nobody could know.
   */
  async see(): Promise<void> {
    for (let turn = 0; turn < TURNS && this.isLong; turn++) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  }
}
