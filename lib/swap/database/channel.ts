/** What subscribers of `latchdb:swap` hear of database swaps. */
import { channel } from "node:diagnostics_channel";
import type { DatabaseSwapProgress } from "../../../types/swap.js";

const messages = channel("latchdb:swap");

/** Whether anybody listens. */
export function hasListeners(): boolean {
  return messages.hasSubscribers;
}

/** Tells of a step that begins. */
export function tellStep(target: string, progress: DatabaseSwapProgress): void {
  tell(target, progress);
}

/** Runs what replaces, or makes, a database, and tells of its end: also where it never began. */
export async function tellEnd<Result extends object>(
  target: string,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    const result = await run();
    tell(target, { result });
    return result;
  } catch (error) {
    tell(target, { error });
    throw error;
  }
}

function tell(target: string, message: object): void {
  if (messages.hasSubscribers) messages.publish({ target, ...message });
}
