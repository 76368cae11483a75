/** Submits batches. Long ones are written over several turns of the event loop before. */
import type { CallSignal } from "../../client/call-signal";
import { keptBatch } from "../../client/kept-statement";
import type { Batch } from "../../client/statement";
import { currentTrace, withTrace } from "../../client/tracing";
import { clientClosed } from "../native/errors";
import type { RequestWriter } from "../wire/request";
import type { Requests } from "./requests";

export class Batches {
  readonly #requests: Requests;
  readonly #isEnded: () => boolean;
  readonly #onSettled: () => void;
  /** The long batches that are being written, in transactions or outside. */
  readonly #writing = new Set<Promise<unknown>>();
  #unsent = 0;

  /**
   * @param isEnded whether the client accepts nothing any more
   * @param onSettled called after a long batch was submitted, or has failed before
   */
  constructor(requests: Requests, isEnded: () => boolean, onSettled: () => void) {
    this.#requests = requests;
    this.#isEnded = isEnded;
    this.#onSettled = onSettled;
  }

  /** The number of long batches that were not submitted yet. */
  get unsent(): number {
    return this.#unsent;
  }

  /** Whether a long batch is being written. */
  get areWriting(): boolean {
    return this.#writing.size > 0;
  }

  /** Resolves once the long batches of this moment were submitted, or have failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#writing);
  }

  /** A copy of a batch that waits. A long one is read over several turns of the event loop anyway. */
  kept(batch: Batch): Batch {
    return this.#requests.isShort(batch) ? keptBatch(batch) : batch;
  }

  /**
   * Writes a batch and passes it to `submit`. `setWriting` is called with true if that takes several
   * turns of the event loop, and with false after the last one: the lane's next call has to wait.
   */
  run<T>(
    batch: Batch,
    signal: CallSignal | undefined,
    submit: (request: RequestWriter) => Promise<T>,
    setWriting: (isWriting: boolean) => void,
  ): Promise<T> {
    if (this.#requests.isShort(batch)) return submit(this.#requests.shortBatch(batch));
    setWriting(true);
    const trace = currentTrace();
    const submitTraced = (request: RequestWriter): Promise<T> =>
      withTrace(trace, () => submit(request));
    const written = this.#write(batch, signal, submitTraced).finally(() => setWriting(false));
    return written.then(({ answer }) => answer);
  }

  #write<T>(
    batch: Batch,
    signal: CallSignal | undefined,
    submit: (request: RequestWriter) => Promise<T>,
  ): Promise<{ answer: Promise<T> }> {
    let isUnsent = true;
    const sent = (): void => {
      if (isUnsent) this.#unsent--;
      isUnsent = false;
    };
    const checkGoOn = (): void => {
      signal?.throwIfAborted();
      if (this.#isEnded()) throw clientClosed();
    };
    this.#unsent++;
    const written = this.#requests.longBatch(batch, checkGoOn, (request) => {
      sent();
      return submit(request);
    });
    const forget = (): void => {
      sent();
      this.#writing.delete(settled);
      this.#onSettled();
    };
    // The caller's promise reports a failure.
    const settled = written.then(forget, forget);
    this.#writing.add(settled);
    return written;
  }
}
