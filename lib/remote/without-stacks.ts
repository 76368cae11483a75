/**
 * Runs what makes errors that nobody is shown, without their stacks. hrana-client makes an error for each end of
 * a stream and of a connection: their stacks take a twentieth of a short call.
 */
export function withoutStacks(action: () => void): void {
  // Only V8 and JavaScriptCore have the limit, and a hardened runtime may not let it be changed.
  const limit = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit");
  if (limit?.writable !== true) return action();
  Error.stackTraceLimit = 0;
  try {
    action();
  } finally {
    Error.stackTraceLimit = limit.value as number;
  }
}
