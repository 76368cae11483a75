/** Publishes the progress and the end of database swaps on the diagnostics channel `latchdb:swap`. */
import { channel } from "node:diagnostics_channel";
import type { DatabaseSwapProgress } from "../../../../types/swap.js";
import { errorOf } from "../../../client/failure";

const messages = channel("latchdb:swap");

/** Whether the channel has subscribers. */
export function hasListeners(): boolean {
  return messages.hasSubscribers;
}

/** Publishes a step that begins. */
export function publishStep(target: string, progress: DatabaseSwapProgress): void {
  publish(target, progress);
}

/** Runs the replacement or copy of a database, and publishes its end, also if it never started. */
export async function publishEnd<Result extends object>(
  target: string,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    const result = await run();
    publish(target, { result });
    return result;
  } catch (failure) {
    const error = errorOf(failure);
    publish(target, { error });
    throw error;
  }
}

function publish(target: string, message: object): void {
  if (messages.hasSubscribers) messages.publish({ target, ...message });
}
