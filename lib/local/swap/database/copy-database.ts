/** `copyDatabase`. */
import type {
  DatabaseCopyOptions,
  DatabaseCopyResult,
  DatabaseSwapStep,
  PathInput,
} from "../../../../types/swap.js";
import { addon } from "../../../addon/addon";
import { FileJob, readFileSwapped, type FileSwapped } from "../file-job";
import { pathOf } from "../paths";
import { hasListeners, publishEnd, publishStep } from "./channel";
import { checkCopyOptions } from "./options";

export async function copyDatabase(
  source: PathInput,
  given: PathInput,
  options: DatabaseCopyOptions = {},
): Promise<DatabaseCopyResult> {
  const target = pathOf(given, "target");
  return await publishEnd(target, () => copy(source, target, options));
}

async function copy(
  given: PathInput,
  target: string,
  options: DatabaseCopyOptions,
): Promise<DatabaseCopyResult> {
  const source = pathOf(given, "source");
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
