/** `copyDatabase`. */
import type { DatabaseCopyOptions, DatabaseCopyResult, DatabaseSwapStep } from "../../../swap.js";
import { addon } from "../../addon/addon";
import { SwapError } from "../errors";
import { readFileSwapped, startFileJob, type FileSwapped } from "../file-job";
import { checkPath } from "../options";
import { checkCopyOptions } from "./options";

export async function copyDatabase(
  source: string,
  target: string,
  options: DatabaseCopyOptions = {},
): Promise<DatabaseCopyResult> {
  checkPath(source, "source");
  checkPath(target, "target");
  const { overwrite, durability, timeoutMs, onProgress, signal } = checkCopyOptions(options);
  signal?.throwIfAborted();
  const began = performance.now();
  return new Promise((resolve, reject) => {
    let abort = (): void => undefined;
    startFileJob<FileSwapped, DatabaseSwapStep>(
      (attachment, job) => {
        const progress = onProgress !== undefined;
        const request = { source, target, overwrite, durability, timeout: timeoutMs, progress };
        addon.startDatabaseCopy(attachment, job, request);
        abort = () => addon.abortFileJob(attachment, job);
      },
      {
        progress: (step, done, total) => onProgress?.({ step, done, total }),
        readEnd: readFileSwapped,
        ended(outcome, aborted) {
          signal?.removeEventListener("abort", abort);
          if (!(outcome instanceof SwapError)) {
            const { durable, bytes } = outcome;
            resolve({ durable, bytes, ms: performance.now() - began });
          } else if (aborted) reject(signal?.reason);
          else reject(outcome);
        },
      },
    );
    signal?.addEventListener("abort", abort, { once: true });
  });
}
