/** What subscribers of `latchdb:swap` hear of database swaps. */
import { channel } from "node:diagnostics_channel";
import type { DatabaseSwapProgress } from "../../../swap.js";

const messages = channel("latchdb:swap");

/** Whether anybody listens. */
export function hasListeners(): boolean {
  return messages.hasSubscribers;
}

/** Tells of a step, or of the end. */
export function tell(
  target: string,
  message: DatabaseSwapProgress | { result: object } | { error: unknown },
): void {
  if (messages.hasSubscribers) messages.publish({ target, ...message });
}
