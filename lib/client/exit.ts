/** Clients that have something to close when the process ends. */
import { isMainThread } from "node:worker_threads";
import { register, unregister, type OpenClient } from "./open-clients";

/** An open client that must be closed at the end of the process. */
export interface ClosedAtExit extends OpenClient {
  /**
   * Closes every client of the backend synchronously. All clients of a backend share one function, which
   * is called once: closing one client must not wait for another.
   */
  readonly closeAtExit: () => void;
}

const open = new Set<ClosedAtExit>();

/** Adds a client to those that are open. */
export function registerForExit(client: ClosedAtExit): void {
  // Environment cleanup hooks do not run in the main thread on process.exit() or an uncaught error.
  if (open.size === 0 && isMainThread) process.on("exit", closeAll);
  open.add(client);
  register(client);
}

/** Removes a client, if it is registered. */
export function unregisterForExit(client: ClosedAtExit): void {
  unregister(client);
  if (open.delete(client) && open.size === 0 && isMainThread) process.off("exit", closeAll);
}

function closeAll(): void {
  for (const closeAtExit of new Set([...open].map((client) => client.closeAtExit))) closeAtExit();
}
