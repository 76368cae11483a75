/** The single steps of a swap, for callers that move files themselves. */
import type { PathInput, RetryOption } from "../../../types/swap.js";
import { addon } from "../../addon/addon";
import { errorOf } from "../../client/failure";
import { FileJob, readFileSwapped, type FileSwapped, type StartFileJob } from "./file-job";
import { retryMsOf } from "./options";
import { pathOf } from "./paths";

export async function fsyncFile(given: PathInput): Promise<void> {
  const path = pathOf(given, "path");
  await run((attachment, job) => addon.fsyncFile(attachment, job, path));
}

export async function fsyncDirectory(given: PathInput): Promise<void> {
  const path = pathOf(given, "path");
  await run((attachment, job) => addon.fsyncDirectory(attachment, job, path));
}

export async function renameDurably(
  from: PathInput,
  to: PathInput,
  options: RetryOption = {},
): Promise<void> {
  const [source, target] = [pathOf(from, "from"), pathOf(to, "to")];
  const retryMs = retryMsOf(options);
  await run((attachment, job) => addon.renameDurably(attachment, job, source, target, retryMs));
}

export async function removeWithRetry(
  given: PathInput,
  options: RetryOption = {},
): Promise<boolean> {
  const path = pathOf(given, "path");
  const retryMs = retryMsOf(options);
  const { committed } = await run((attachment, job) =>
    addon.removeFile(attachment, job, path, retryMs),
  );
  return committed;
}

async function run(start: StartFileJob): Promise<FileSwapped> {
  try {
    return await new FileJob(start, { readEnd: readFileSwapped }).ended;
  } catch (failure) {
    throw errorOf(failure);
  }
}
