/** `swapDatabase`: runs the callbacks `build` and `verify`. The rest of a swap is in `src/swap`. */
import type {
  DatabaseSwapOptions,
  DatabaseSwapResult,
  DatabaseSwapStep,
  PathInput,
} from "../../../../types/swap.js";
import type { LocalClient } from "../../../../index.js";
import type { DatabaseSwapRequest } from "../../../addon/binding.js";
import { addon } from "../../../addon/addon";
import { LONGEST_MS } from "../../../client/timers";
import { unknownRecord } from "../../native/errors";
import { QuestionKind, SwappedFlag } from "../../wire/kinds";
import type { RecordReader } from "../../wire/response";
import { buildCutShort, buildFailed, verifyCutShort, verifyFailed, verifySaidNo } from "../errors";
import { FileJob } from "../file-job";
import { pathOf } from "../paths";
import { hasListeners, publishEnd, publishStep } from "./channel";
import { checkSwapOptions, type CheckedSwap } from "./options";

/** A client that is opened for `build` or `verify`. */
export interface OwnClient {
  readonly client: LocalClient;
  readonly pool: {
    /** Whether `shutdownAll()` or the thread's host has ever closed it. */
    readonly wasClosedFromOutside: boolean;
    /** Prevents further openings. */
    retire(): void;
  };
}

/** Opens a client on a file. Passed in, because clients depend on swaps (`replaceDatabase`). */
export type OpenClient = (file: string, access: { readOnly: boolean }) => OwnClient;

type Swapped = Omit<DatabaseSwapResult, "ms">;

/**
 * Replaces a database. `open` makes the clients that `build` and `verify` get.
 * @throws TypeError, SwapError, the signal's reason
 */
export async function swapDatabase(
  given: PathInput,
  options: DatabaseSwapOptions,
  open: OpenClient,
): Promise<DatabaseSwapResult> {
  const target = pathOf(given, "target");
  return await publishEnd(target, async () =>
    runDatabaseSwap(target, checkSwapOptions(options), open),
  );
}

/** The same with checked options, with failures instead of errors. The caller publishes its end. */
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
        publishStep(target, { step, done, total });
        onProgress?.({ step, done, total });
      },
      wanted(record) {
        const question = record.u8();
        const staging = record.string();
        const old = record.string();
        if (question === QuestionKind.Build) void runBuild(staging, old);
        else if (question === QuestionKind.Verify) void runVerify(staging);
        else throw unknownRecord(question);
      },
      // Before the thread removes the files that they have open. A `build` that still runs although the
      // thread has ended must not go on.
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
      // Read-only: changes of `verify` would be committed without having been verified.
      const isGood = await verify?.(clients.open(staging, { readOnly: true }));
      if (!(await clients.finish())) return job.end(verifyCutShort(staging));
      if (isGood === false) return job.end(verifySaidNo(staging));
    } catch (error) {
      return job.end(verifyFailed(error, staging));
    }
    job.goOn();
  }
}

/** The clients of `build` or `verify`. */
class Clients {
  readonly #open: OpenClient;
  readonly #clients = new Set<OwnClient>();

  constructor(open: OpenClient) {
    this.#open = open;
  }

  open(file: string, access: { readOnly: boolean }): LocalClient {
    const own = this.#open(file, access);
    this.#clients.add(own);
    return own.client;
  }

  /**
   * Closes them after their calls have finished, awaited or not.
   * @returns false if one was closed from outside before: then calls may be missing
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

  /** Reopening a client later would create a new file, or open another one. */
  #retire(): OwnClient[] {
    const clients = [...this.#clients];
    for (const { pool } of clients) pool.retire();
    return clients;
  }
}

function readEnd(record: RecordReader): Swapped {
  const flags = record.u8();
  return {
    committed: (flags & SwappedFlag.Committed) !== 0,
    durable: (flags & SwappedFlag.Durable) !== 0,
    openedMeanwhile: (flags & SwappedFlag.OpenedMeanwhile) !== 0,
    bytes: record.f64(),
    mode: record.string() as Swapped["mode"],
    backup: record.string() || undefined,
  };
}
