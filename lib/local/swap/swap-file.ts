/** `swapFile`: passes data and runs the callback `prepare`. The rest of a swap is in `src/swap`. */
import type { PathInput, SwapOptions, SwapResult, SwapStep } from "../../../types/swap.js";
import type { SwapRequest } from "../../addon/binding.js";
import { addon } from "../../addon/addon";
import { errorOf } from "../../client/failure";
import { openData, NO_DATA, type OpenData } from "./data";
import { dataFailed, prepareFailed } from "./errors";
import { FileJob, readFileSwapped, type FileSwapped } from "./file-job";
import { checkOptions, type CheckedOptions } from "./options";
import { pathOf } from "./paths";
import { closeStream } from "./streams";

const NOTHING = new Uint8Array();

export async function swapFile(given: PathInput, options: SwapOptions): Promise<SwapResult> {
  const { target, checked } = checkSwap(given, options);
  // A borrowed buffer stays referenced from here until the answer: the addon's thread reads it.
  const data = checked.data === undefined ? NO_DATA : openData(checked.data);
  try {
    return await swapWith(target, checked, data);
  } catch (error) {
    // A stream that is not read to its end has to be closed.
    data.stop();
    throw errorOf(error);
  } finally {
    data.pieces?.return?.().catch(() => undefined);
  }
}

/** @throws TypeError, SwapError, the signal's reason; closes the stream then, which is not going to be read */
function checkSwap(
  given: PathInput,
  options: SwapOptions,
): { target: string; checked: CheckedOptions } {
  try {
    const target = pathOf(given, "target");
    const checked = checkOptions(options);
    checked.signal?.throwIfAborted();
    return { target, checked };
  } catch (error) {
    closeStream((options as Partial<SwapOptions> | null | undefined)?.data);
    throw error;
  }
}

async function swapWith(
  target: string,
  options: CheckedOptions,
  data: OpenData,
): Promise<SwapResult> {
  const { source, prepare, durability, skipIfSame, mode, retryMs, moveAside } = options;
  const { onProgress, signal } = options;
  const { bytes, isBorrowed, total } = data;
  const request: SwapRequest = {
    target,
    source,
    hasBytes: bytes !== undefined,
    isLent: isBorrowed,
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
      /** Asks for the next piece of the content (an empty path), or for `prepare` with this path. */
      wanted(record) {
        const stagingPath = record.string();
        void (stagingPath === "" ? sendPiece() : runPrepare(stagingPath));
      },
    },
  );
  const broke = (error: unknown): void => job.end(dataFailed(error, target));
  try {
    // The stream may fail before the first piece is requested.
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
