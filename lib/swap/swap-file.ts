/** `swapFile`: the half of it that is JavaScript's, data and `prepare`. The rest is `src/swap`. */
import type { SwapOptions, SwapResult, SwapStep } from "../../swap.js";
import type { SwapRequest } from "../../binding.js";
import { addon } from "../addon/addon";
import { givenData, NO_DATA, type GivenData } from "./data";
import { dataFailed, prepareFailed, SwapError } from "./errors";
import { readFileSwapped, startFileJob, type FileSwapped, type Listener } from "./file-job";
import type { RecordReader } from "../wire/response";
import { checkOptions, checkPath, type CheckedOptions } from "./options";

const NOTHING = new Uint8Array();
export async function swapFile(target: string, options: SwapOptions): Promise<SwapResult> {
  checkPath(target, "target");
  const checked = checkOptions(options);
  checked.signal?.throwIfAborted();
  const data = checked.data === undefined ? NO_DATA : givenData(checked.data);
  return new Promise((resolve, reject) => {
    new Swap(target, checked, data, resolve, reject).start();
  });
}

/** One swap under way. */
class Swap implements Listener<FileSwapped, SwapStep> {
  readonly #target: string;
  readonly #options: CheckedOptions;
  /** What is lent stays referenced from here until the answer: the addon's thread reads it. */
  readonly #data: GivenData;
  readonly #resolve: (result: SwapResult) => void;
  readonly #reject: (error: unknown) => void;
  readonly #began = performance.now();
  readonly #abort = (): void => this.#end(this.#options.signal?.reason);
  #attachment = 0;
  #job = 0;
  /** Why we ended it ourselves. */
  #reason: { error: unknown } | undefined;
  #hasEnded = false;

  constructor(
    target: string,
    options: CheckedOptions,
    data: GivenData,
    resolve: (result: SwapResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.#target = target;
    this.#options = options;
    this.#data = data;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { source, prepare, durability, skipIfSame, mode, retryMs, moveAside, signal } =
      this.#options;
    const { bytes, isLent, total } = this.#data;
    const request: SwapRequest = {
      target: this.#target,
      source,
      hasBytes: bytes !== undefined,
      isLent,
      total,
      prepare: prepare !== undefined,
      durability,
      skipIfSame,
      mode,
      retry: retryMs,
      moveAside,
      progress: this.#options.onProgress !== undefined,
    };
    startFileJob((attachment, job) => {
      this.#attachment = attachment;
      this.#job = job;
      addon.startSwap(attachment, job, request, bytes ?? NOTHING);
    }, this);
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** The next piece of the content (""), or `prepare` with this path. */
  wanted(record: RecordReader): void {
    // It was asked for before the thread heard that it is over.
    if (this.#reason !== undefined) return;
    const stagingPath = record.string();
    if (stagingPath === "") void this.#sendPiece();
    else void this.#prepare(stagingPath);
  }

  progress(step: SwapStep, done: number, total: number | undefined): void {
    this.#options.onProgress?.({ step, done, total });
  }

  readonly readEnd = readFileSwapped;

  ended(outcome: FileSwapped | SwapError, aborted: boolean): void {
    this.#hasEnded = true;
    this.#options.signal?.removeEventListener("abort", this.#abort);
    // A stream that was not read to its end is told that nobody will.
    if (outcome instanceof SwapError) this.#data.stop();
    this.#data.pieces?.return?.().catch(() => undefined);
    if (!(outcome instanceof SwapError)) {
      const { committed, durable, bytes } = outcome;
      const ms = performance.now() - this.#began;
      this.#resolve({ committed, durable, skipped: !committed, bytes, ms });
    } else if (aborted && this.#reason !== undefined) this.#reject(this.#reason.error);
    else this.#reject(outcome);
  }

  async #sendPiece(): Promise<void> {
    try {
      const piece = await this.#data.pieces?.next();
      if (this.#hasEnded) return;
      if (piece === undefined || piece.done) addon.continueSwap(this.#attachment, this.#job);
      else addon.feedSwap(this.#attachment, this.#job, piece.value);
    } catch (error) {
      this.#end(dataFailed(error, this.#target));
    }
  }

  async #prepare(stagingPath: string): Promise<void> {
    try {
      await this.#options.prepare?.(stagingPath);
    } catch (error) {
      return this.#end(prepareFailed(error, stagingPath));
    }
    if (!this.#hasEnded) addon.continueSwap(this.#attachment, this.#job);
  }

  /** Ends the swap, unless it is past the commit point. */
  #end(error: unknown): void {
    if (this.#hasEnded) return;
    this.#reason ??= { error };
    addon.abortFileJob(this.#attachment, this.#job);
  }
}
