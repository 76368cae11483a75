/** `swapFile`: the half of it that is JavaScript's, data and `prepare`. The rest is `src/swap`. */
import type { SwapOptions, SwapResult, SwapStep } from "../../types/swap.js";
import type { SwapRequest } from "../addon/binding.js";
import { addon } from "../addon/addon";
import { givenData, NO_DATA, type GivenData } from "./data";
import { dataFailed, prepareFailed } from "./errors";
import { FileJob, readFileSwapped, type FileSwapped } from "./file-job";
import { checkOptions, checkPath, type CheckedOptions } from "./options";
import { closeStream } from "./streams";

const NOTHING = new Uint8Array();

export async function swapFile(target: string, options: SwapOptions): Promise<SwapResult> {
  const checked = checkSwap(target, options);
  // What is lent stays referenced from here until the answer: the addon's thread reads it.
  const data = checked.data === undefined ? NO_DATA : givenData(checked.data);
  try {
    return await swapWith(target, checked, data);
  } catch (error) {
    // A stream that was not read to its end is told that nobody will.
    data.stop();
    throw error;
  } finally {
    data.pieces?.return?.().catch(() => undefined);
  }
}

/** @throws TypeError, the signal's reason: then nobody reads the stream that was given */
function checkSwap(target: string, options: SwapOptions): CheckedOptions {
  try {
    checkPath(target, "target");
    const checked = checkOptions(options);
    checked.signal?.throwIfAborted();
    return checked;
  } catch (error) {
    closeStream((options as Partial<SwapOptions> | null | undefined)?.data);
    throw error;
  }
}

async function swapWith(
  target: string,
  options: CheckedOptions,
  data: GivenData,
): Promise<SwapResult> {
  const { source, prepare, durability, skipIfSame, mode, retryMs, moveAside } = options;
  const { onProgress, signal } = options;
  const { bytes, isLent, total } = data;
  const request: SwapRequest = {
    target,
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
    progress: onProgress !== undefined,
  };

  const began = performance.now();
  const job = new FileJob<FileSwapped, SwapStep>(
    (attachment, number) => addon.startSwap(attachment, number, request, bytes ?? NOTHING),
    {
      signal,
      readEnd: readFileSwapped,
      progress: (step, done, so) => onProgress?.({ step, done, total: so }),
      /** The next piece of the content (""), or `prepare` with this path. */
      wanted(record) {
        const stagingPath = record.string();
        void (stagingPath === "" ? sendPiece() : runPrepare(stagingPath));
      },
    },
  );
  const broke = (error: unknown): void => job.end(dataFailed(error, target));
  try {
    // It may be long until the first piece is wanted.
    data.watch(broke);
  } catch (error) {
    broke(error);
  }
  const { committed, durable, bytes: size } = await job.ended;
  return { committed, durable, skipped: !committed, bytes: size, ms: performance.now() - began };

  async function sendPiece(): Promise<void> {
    try {
      const piece = await data.pieces?.next();
      if (piece === undefined || piece.done) job.goOn();
      else job.feed(piece.value);
    } catch (error) {
      broke(error);
    }
  }

  async function runPrepare(stagingPath: string): Promise<void> {
    try {
      await prepare?.(stagingPath);
    } catch (error) {
      return job.end(prepareFailed(error, stagingPath));
    }
    job.goOn();
  }
}
