/** `copyDatabase`. */
import type {
  DatabaseCopyOptions,
  DatabaseCopyResult,
  DatabaseSwapStep,
} from "../../../../types/swap.js";
import { addon } from "../../../addon/addon";
import { FileJob, readFileSwapped, type FileSwapped } from "../file-job";
import { checkPath } from "../options";
import { hasListeners, publishEnd, publishStep } from "./channel";
import { checkCopyOptions } from "./options";

export async function copyDatabase(
  source: string,
  target: string,
  options: DatabaseCopyOptions = {},
): Promise<DatabaseCopyResult> {
  checkPath(target, "target");
  return await publishEnd(target, () => copy(source, target, options));
}

async function copy(
  source: string,
  target: string,
  options: DatabaseCopyOptions,
): Promise<DatabaseCopyResult> {
  checkPath(source, "source");
  const { overwrite, durability, timeoutMs, onProgress, signal } = checkCopyOptions(options);
  signal?.throwIfAborted();
  const began = performance.now();
  const progress = onProgress !== undefined || hasListeners();
  const request = { source, target, overwrite, durability, timeout: timeoutMs, progress };
  const job = new FileJob<FileSwapped, DatabaseSwapStep>(
    (attachment, number) => addon.startDatabaseCopy(attachment, number, request),
    {
      signal,
      progress(step, done, total) {
        publishStep(target, { step, done, total });
        onProgress?.({ step, done, total });
      },
      readEnd: readFileSwapped,
    },
  );
  const { durable, bytes } = await job.ended;
  return { durable, bytes, ms: performance.now() - began };
}
