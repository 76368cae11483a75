/** The single steps of a swap, for callers that move files themselves. */
import type { RetryOption } from "../../../types/swap.js";
import { addon } from "../../addon/addon";
import { errorOf } from "../../client/failure";
import { FileJob, readFileSwapped, type FileSwapped, type StartFileJob } from "./file-job";
import { checkPath, retryMsOf } from "./options";

export async function fsyncFile(path: string): Promise<void> {
  checkPath(path, "path");
  await run((attachment, job) => addon.fsyncFile(attachment, job, path));
}

export async function fsyncDirectory(path: string): Promise<void> {
  checkPath(path, "path");
  await run((attachment, job) => addon.fsyncDirectory(attachment, job, path));
}

export async function renameDurably(
  from: string,
  to: string,
  options: RetryOption = {},
): Promise<void> {
  checkPath(from, "from");
  checkPath(to, "to");
  const retryMs = retryMsOf(options);
  await run((attachment, job) => addon.renameDurably(attachment, job, from, to, retryMs));
}

export async function removeWithRetry(path: string, options: RetryOption = {}): Promise<boolean> {
  checkPath(path, "path");
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
