/**
 * Ends the wait of a call for an idle transaction of the same client. The owner of the transaction may
 * itself wait for that call: without a limit both would wait forever.
 */
import { allHeld, heldByExplicitTransaction, heldByOwnTransaction } from "../native/errors";
import type { Failure } from "../../client/failure";
import { clearTimeout, LONGEST_MS, setTimeout } from "../../client/timers";
import type { WaitingCall } from "./call-queue";
import type { ExplicitTransaction } from "./explicit-transaction";
import type { Host } from "./host";
import type { OpenTransaction } from "./open-transaction";

/** The limit of the wait if the client has no `timeout`, in ms. */
const DEFAULT_MS = 4000;

export class Patience {
  readonly #host: Host;
  readonly #limitMs: number;
  /** The same for a call that begins a transaction, while others have all connections. */
  readonly acquireMs: number;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param timeout the client's `timeout` setting, in ms
   * @param acquireTimeout the client's `acquireTimeout` setting, in ms
   */
  constructor(host: Host, timeout: number | undefined, acquireTimeout: number | undefined) {
    this.#host = host;
    this.#limitMs = Math.min(timeout || DEFAULT_MS, LONGEST_MS);
    this.acquireMs = Math.min(acquireTimeout ?? this.#limitMs, LONGEST_MS);
  }

  /** Watches the first waiting call, if idle transactions may be the reason of its wait. */
  watch(): void {
    const { first } = this.#host.queue;
    if (first === undefined || first.suspends || this.#timer !== undefined) return;
    const holders = this.#holders(first);
    if (holders.length === 0) return;
    // Counted from the call: a call behind others waits no longer than they do.
    const idleFor = (): number => Math.min(...holders.map((holder) => holder.idleFor(first.since)));
    const limitMs = this.#isAcquiring(first) ? this.acquireMs : this.#limitMs;
    const lookLater = (): void => {
      this.#timer = setTimeout(look, Math.max(0, limitMs - idleFor()));
    };
    const look = (): void => {
      this.#timer = undefined;
      const { queue } = this.#host;
      if (queue.first === first && holders.every(({ isOpen }) => isOpen)) {
        if (idleFor() < limitMs) return lookLater();
        queue.fail(this.#heldTooLong(first), (call) => call === first);
        queue.advance();
      }
      this.watch();
    };
    lookLater();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The transactions of which one has to end before the call can get a lane. */
  #holders(first: WaitingCall): Array<OpenTransaction | ExplicitTransaction> {
    const { explicit, lanes, transactions } = this.#host;
    if (explicit.isOpen) return first.begins ? [explicit, ...transactions] : [explicit];
    if (lanes.isPinned) return [...transactions].filter(({ isPinned }) => isPinned);
    if (this.#isAcquiring(first)) return [...transactions];
    // Without a main lane, a transaction holds the only one.
    return lanes.isMainFree ? [] : [...transactions];
  }

  /** Whether a call waits for one of the connections that transactions have. */
  #isAcquiring({ begins }: WaitingCall): boolean {
    const { explicit, lanes } = this.#host;
    return begins && !explicit.isOpen && !lanes.isPinned && !lanes.isOtherFree;
  }

  #heldTooLong(first: WaitingCall): Failure {
    const { explicit, lanes, maxConnections } = this.#host;
    if (explicit.isOpen && !first.begins) return heldByExplicitTransaction(this.#limitMs);
    if (lanes.isPinned) return heldByOwnTransaction(this.#limitMs);
    const { queue, transactions } = this.#host;
    const idleMs = Math.max(...[...transactions].map((transaction) => transaction.idleFor(0)));
    const waiting = [...queue].filter(({ begins }) => begins).length;
    return allHeld(maxConnections, { open: transactions.size, waiting, idleMs });
  }
}
