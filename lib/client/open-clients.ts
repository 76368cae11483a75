/** The registry of the clients that this copy of latchdb has open, of all backends. */
import { isMainThread } from "node:worker_threads";
import type { ShutdownOptions, ShutdownReport } from "../../index.js";

/** An open client, as `shutdownAll()` and the exit handler see it. */
export interface OpenClient {
  /** The name of the client in reports; for a file, its absolute path. */
  readonly path: string;
  /** Shuts the client down on behalf of `shutdownAll()` or the thread's host. */
  shutdown(options: Required<ShutdownOptions>): Promise<ShutdownReport>;
  /**
   * Closes every client of the backend synchronously, at the end of the process. All clients of a
   * backend share one function, which is called once: closing one client must not wait for another.
   */
  readonly closeAtExit: () => void;
}

const open = new Set<OpenClient>();

/** Adds a client. */
export function register(client: OpenClient): void {
  // Environment cleanup hooks do not run in the main thread on process.exit() or an uncaught error.
  if (open.size === 0 && isMainThread) process.on("exit", closeAll);
  open.add(client);
}

/** Removes a client, if it is registered. */
export function unregister(client: OpenClient): void {
  if (open.delete(client) && open.size === 0 && isMainThread) process.off("exit", closeAll);
}

/** All registered clients. */
export function openClients(): OpenClient[] {
  return [...open];
}

function closeAll(): void {
  for (const closeAtExit of new Set([...open].map((client) => client.closeAtExit))) closeAtExit();
}
