/** The registry of the clients that this copy of latchdb has open, of all backends. */
import type { ShutdownOptions, ShutdownReport } from "../../index.js";

/** An open client, as `shutdownAll()` sees it. */
export interface OpenClient {
  /** The name of the client in reports; for a file, its absolute path. */
  readonly path: string;
  /**
   * Shuts the client down on behalf of `shutdownAll()` or the thread's host. Undefined if it is gone.
   */
  shutdown(options: Required<ShutdownOptions>): Promise<ShutdownReport | undefined>;
}

const open = new Set<OpenClient>();

/** Adds a client. */
export function register(client: OpenClient): void {
  open.add(client);
}

/** Removes a client. Returns whether it was registered. */
export function unregister(client: OpenClient): boolean {
  return open.delete(client);
}

/** All registered clients. */
export function openClients(): OpenClient[] {
  return [...open];
}
