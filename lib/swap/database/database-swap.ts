/** `swapDatabase`: the half of it that is JavaScript's, `build` and `verify`. The rest is `src/swap`. */
import type {
  DatabaseSwapOptions,
  DatabaseSwapProgress,
  DatabaseSwapResult,
  DatabaseSwapStep,
} from "../../../swap.js";
import type { LatchClient } from "../../../index.js";
import type { DatabaseSwapRequest } from "../../../binding.js";
import { addon } from "../../addon/addon";
import { LONGEST_MS } from "../../timers";
import type { RecordReader } from "../../wire/response";
import { buildFailed, SwapError, verifyFailed } from "../errors";
import { startFileJob, type Listener } from "../file-job";
import { checkPath } from "../options";
import { hasListeners, tell } from "./channel";
import { checkSwapOptions, type CheckedSwap } from "./options";

/** Opens a client on a file: who swaps need not know how. */
export type OpenClient = (file: string, access: { readOnly: boolean }) => LatchClient;

/** What the thread waits for. */
const enum Wanted {
  Build = 1,
  Verify = 2,
}

type Swapped = Omit<DatabaseSwapResult, "ms">;

/**
 * Replaces a database. `open` makes the clients that `build` and `verify` get.
 * @throws TypeError, SwapError, the signal's reason
 */
export async function swapDatabase(
  target: string,
  options: DatabaseSwapOptions,
  open: OpenClient,
): Promise<DatabaseSwapResult> {
  checkPath(target, "target");
  return runDatabaseSwap(target, checkSwapOptions(options), open);
}

/** The same with options that were checked before. */
export async function runDatabaseSwap(
  target: string,
  options: CheckedSwap,
  open: OpenClient,
): Promise<DatabaseSwapResult> {
  options.signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    new DatabaseSwap(target, options, open, resolve, reject).start();
  });
}

/** One swap under way. */
class DatabaseSwap implements Listener<Swapped, DatabaseSwapStep> {
  readonly #target: string;
  readonly #options: CheckedSwap;
  readonly #open: OpenClient;
  readonly #resolve: (result: DatabaseSwapResult) => void;
  readonly #reject: (error: unknown) => void;
  readonly #began = performance.now();
  readonly #abort = (): void => this.#end(this.#options.signal?.reason);
  /** What `build` or `verify` works with. */
  readonly #clients = new Set<LatchClient>();
  #attachment = 0;
  #job = 0;
  /** Why we ended it ourselves. */
  #reason: { error: unknown } | undefined;
  #hasEnded = false;

  constructor(
    target: string,
    options: CheckedSwap,
    open: OpenClient,
    resolve: (result: DatabaseSwapResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.#target = target;
    this.#options = options;
    this.#open = open;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { source, build, verify, backup, backupName, inUse, durability, timeoutMs } =
      this.#options;
    const request: DatabaseSwapRequest = {
      target: this.#target,
      source,
      build: build !== undefined,
      verify: verify !== undefined,
      backup,
      backupName,
      inUse,
      durability,
      timeout: timeoutMs,
      progress: this.#options.onProgress !== undefined || hasListeners(),
    };
    startFileJob((attachment, job) => {
      this.#attachment = attachment;
      this.#job = job;
      addon.startDatabaseSwap(attachment, job, request);
    }, this);
    this.#options.signal?.addEventListener("abort", this.#abort, { once: true });
  }

  wanted(record: RecordReader): void {
    // It was asked before the abort, and may have removed the file since.
    if (this.#reason !== undefined) return;
    const what = record.u8() as Wanted;
    const staging = record.string();
    const old = record.string();
    void (what === Wanted.Build ? this.#build(staging, old) : this.#verify(staging));
  }

  progress(step: DatabaseSwapStep, done: number, total: number | undefined): void {
    const progress: DatabaseSwapProgress = { step, done, total };
    tell(this.#target, progress);
    this.#options.onProgress?.(progress);
  }

  readEnd(record: RecordReader): Swapped {
    const flags = record.u8();
    return {
      committed: (flags & 1) !== 0,
      durable: (flags & 2) !== 0,
      openedMeanwhile: (flags & 4) !== 0,
      bytes: record.f64(),
      mode: record.string() as Swapped["mode"],
      backup: record.string() || undefined,
    };
  }

  ended(outcome: Swapped | SwapError, aborted: boolean): void {
    this.#hasEnded = true;
    this.#options.signal?.removeEventListener("abort", this.#abort);
    // What builds still, though the thread is gone, has nothing left to build.
    this.#closeClients();
    if (!(outcome instanceof SwapError)) {
      const result = { ...outcome, ms: performance.now() - this.#began };
      tell(this.#target, { result });
      return this.#resolve(result);
    }
    const error = aborted && this.#reason !== undefined ? this.#reason.error : outcome;
    tell(this.#target, { error });
    this.#reject(error);
  }

  async #build(staging: string, old: string): Promise<void> {
    try {
      const oldClient = old === "" ? undefined : this.#openClient(old, { readOnly: true });
      await this.#options.build?.(this.#openClient(staging, { readOnly: false }), oldClient);
      await this.#finishClients();
    } catch (error) {
      return this.#end(buildFailed(error, staging));
    }
    this.#goOn();
  }

  async #verify(staging: string): Promise<void> {
    try {
      const isGood = await this.#options.verify?.(this.#openClient(staging, { readOnly: false }));
      await this.#finishClients();
      if (isGood === false) return this.#end(verifyFailed(undefined, staging));
    } catch (error) {
      return this.#end(verifyFailed(error, staging));
    }
    this.#goOn();
  }

  #openClient(file: string, access: { readOnly: boolean }): LatchClient {
    const client = this.#open(file, access);
    this.#clients.add(client);
    return client;
  }

  /** What they were called for is done before they are closed, awaited or not. */
  async #finishClients(): Promise<void> {
    const draining = { drain: true, timeoutMs: LONGEST_MS };
    await Promise.all([...this.#clients].map((client) => client.shutdown(draining)));
    this.#clients.clear();
  }

  #closeClients(): void {
    for (const client of this.#clients) client.close();
    this.#clients.clear();
  }

  #goOn(): void {
    if (!this.#hasEnded) addon.continueSwap(this.#attachment, this.#job);
  }

  /** Ends the swap, unless it is past the commit point. */
  #end(error: unknown): void {
    if (this.#hasEnded) return;
    this.#reason ??= { error };
    // First: the thread removes the files that they have open.
    this.#closeClients();
    addon.abortFileJob(this.#attachment, this.#job);
  }
}
