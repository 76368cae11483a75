/** `swapDatabase`: the half of it that is JavaScript's, `build` and `verify`. The rest is `src/swap`. */
import type {
  DatabaseSwapOptions,
  DatabaseSwapResult,
  DatabaseSwapStep,
} from "../../../types/swap.js";
import type { LatchClient } from "../../../index.js";
import type { DatabaseSwapRequest } from "../../addon/binding.js";
import { addon } from "../../addon/addon";
import { LONGEST_MS } from "../../timers";
import type { RecordReader } from "../../wire/response";
import { buildCutShort, buildFailed, verifyCutShort, verifyFailed, verifySaidNo } from "../errors";
import { FileJob } from "../file-job";
import { checkPath } from "../options";
import { hasListeners, tellEnd, tellStep } from "./channel";
import { checkSwapOptions, type CheckedSwap } from "./options";

/** A client of the swap's own, for `build` or `verify`. */
export interface OwnClient {
  readonly client: LatchClient;
  readonly pool: {
    /** Whether it was ever closed by somebody who has not got the client. */
    readonly wasClosedFromOutside: boolean;
    /** From now on it cannot be opened again. */
    retire(): void;
  };
}

/** Opens a client on a file: who swaps need not know how. */
export type OpenClient = (file: string, access: { readOnly: boolean }) => OwnClient;

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
  return tellEnd(target, async () => runDatabaseSwap(target, checkSwapOptions(options), open));
}

/** The same with options that were checked before. Its end is the caller's to tell. */
export async function runDatabaseSwap(
  target: string,
  options: CheckedSwap,
  open: OpenClient,
): Promise<DatabaseSwapResult> {
  const { source, build, verify, backup, backupName, inUse, durability, timeoutMs } = options;
  const { onProgress, signal } = options;
  signal?.throwIfAborted();
  const request: DatabaseSwapRequest = {
    target,
    source,
    build: build !== undefined,
    verify: verify !== undefined,
    backup,
    backupName,
    inUse,
    durability,
    timeout: timeoutMs,
    progress: onProgress !== undefined || hasListeners(),
  };

  const began = performance.now();
  const clients = new Clients(open);
  const job = new FileJob<Swapped, DatabaseSwapStep>(
    (attachment, number) => addon.startDatabaseSwap(attachment, number, request),
    {
      signal,
      readEnd,
      progress(step, done, total) {
        tellStep(target, { step, done, total });
        onProgress?.({ step, done, total });
      },
      wanted(record) {
        const what = record.u8() as Wanted;
        const staging = record.string();
        const old = record.string();
        void (what === Wanted.Build ? runBuild(staging, old) : runVerify(staging));
      },
      // First: the thread removes the files that they have open. And what builds still, though the
      // thread is gone, has nothing left to build.
      ending: () => clients.close(),
    },
  );
  return { ...(await job.ended), ms: performance.now() - began };

  async function runBuild(staging: string, old: string): Promise<void> {
    try {
      const oldClient = old === "" ? undefined : clients.open(old, { readOnly: true });
      await build?.(clients.open(staging, { readOnly: false }), oldClient);
      if (!(await clients.finish())) return job.end(buildCutShort(staging));
    } catch (error) {
      return job.end(buildFailed(error, staging));
    }
    job.goOn();
  }

  async function runVerify(staging: string): Promise<void> {
    try {
      // What it wrote would be committed, and nobody would have checked it.
      const isGood = await verify?.(clients.open(staging, { readOnly: true }));
      if (!(await clients.finish())) return job.end(verifyCutShort(staging));
      if (isGood === false) return job.end(verifySaidNo(staging));
    } catch (error) {
      return job.end(verifyFailed(error, staging));
    }
    job.goOn();
  }
}

/** What `build` or `verify` works with. */
class Clients {
  readonly #open: OpenClient;
  readonly #clients = new Set<OwnClient>();

  constructor(open: OpenClient) {
    this.#open = open;
  }

  open(file: string, access: { readOnly: boolean }): LatchClient {
    const own = this.#open(file, access);
    this.#clients.add(own);
    return own.client;
  }

  /**
   * Closes them once what they were called for is done, awaited or not.
   * @returns false where somebody else has closed one before: then nobody knows what was done
   */
  async finish(): Promise<boolean> {
    const draining = { drain: true, timeoutMs: LONGEST_MS };
    const clients = this.#retire();
    await Promise.all(clients.map(({ client }) => client.shutdown(draining)));
    this.#clients.clear();
    return !clients.some(({ pool }) => pool.wasClosedFromOutside);
  }

  close(): void {
    for (const { client } of this.#retire()) client.close();
    this.#clients.clear();
  }

  /** Whoever keeps one must not open it again: that would make a new file, or find another one. */
  #retire(): OwnClient[] {
    const clients = [...this.#clients];
    for (const { pool } of clients) pool.retire();
    return clients;
  }
}

function readEnd(record: RecordReader): Swapped {
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
