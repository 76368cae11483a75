/**
 * Panics of the addon: defects of latchdb. Nothing is printed. The call that one of them concerns ends with
 * the code INTERNAL_ERROR, and subscribers of `latchdb:panic` hear of each.
 */
import { channel } from "node:diagnostics_channel";
import { LibsqlError } from "@libsql/core/api";
import type { InternalErrorReport } from "../../index.js";
import type { Addon } from "./load";

const messages = channel("latchdb:panic");

/** The code by which napi-rs tells a panic, or an error of ours that no caller can cause. */
const GENERIC_FAILURE = "GenericFailure";

/** Publishes a panic. */
export function publishPanic(report: InternalErrorReport): void {
  if (messages.hasSubscribers) messages.publish(report);
}

/** Publishes the panics of this thread. Returns the last one. */
export function publishPanics(addon: Pick<Addon, "takePanics">): InternalErrorReport | undefined {
  const panics = addon.takePanics();
  for (const panic of panics) publishPanic(panic);
  return panics.at(-1);
}

/** The addon, whose functions throw a LibsqlError with the code INTERNAL_ERROR when they panic. */
export function guard(addon: Addon): Addon {
  const guarded: Record<string, unknown> = { ...addon };
  for (const [name, value] of Object.entries(guarded)) {
    if (typeof value === "function") guarded[name] = guardFunction(value as AnyFunction, addon);
  }
  return guarded as Addon;
}

type AnyFunction = (...args: unknown[]) => unknown;

function guardFunction(call: AnyFunction, addon: Addon): AnyFunction {
  return (...args) => {
    try {
      return call(...args);
    } catch (error) {
      throw toInternalError(error, addon);
    }
  };
}

function toInternalError(error: unknown, addon: Addon): unknown {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code !== GENERIC_FAILURE) return error;
  const panic = publishPanics(addon);
  const text = panic === undefined ? String(message) : `${panic.message} (${panic.location})`;
  const cause = error instanceof Error ? error : undefined;
  return new LibsqlError(`internal error: ${text}`, "INTERNAL_ERROR", undefined, undefined, cause);
}
