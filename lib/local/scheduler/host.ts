/** The scheduler of a client, as its parts see it. */
import type { CallQueue } from "./call-queue";
import type { ExplicitTransaction } from "./explicit-transaction";
import type { Lanes } from "./lanes";
import type { OpenTransaction, TransactionHost } from "./open-transaction";

export interface Host extends TransactionHost {
  readonly maxConnections: number;
  readonly lanes: Lanes;
  readonly queue: CallQueue;
  readonly explicit: ExplicitTransaction;
  readonly transactions: Set<OpenTransaction>;
  readonly patience: { watch(): void; stop(): void };
  readonly closing: { readonly isClosed: boolean; readonly isEnded: boolean };
  readonly suspension: {
    /** Resolves with the latest suspension, whether it waits or runs; undefined if there is none. */
    readonly latest: Promise<void> | undefined;
    /** Rejects a delayed opening, if there is one. */
    rejectOpening(reason: unknown): void;
  };
  /** Starts the calls that can start, after something has changed. */
  advance(): void;
  /** Rolls back the explicit transaction, if one is open, after the calls that were made before. */
  abandonExplicit(): void;
}
